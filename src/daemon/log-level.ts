/** How much the log tells; apart from the log, so that the command line can name levels without loading it. */

/** From the most to the least. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** The least important level that is written. */
export type LogLevel = (typeof LOG_LEVELS)[number];
