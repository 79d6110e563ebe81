/** The two languages of the product, and which of them somebody reads. */
import type { Words } from '../topology/topology.js';

/** A language of {@link Words}. */
export type Language = keyof Words;

/** Characters of an Accept-Language field that are read. */
const MAX_FIELD = 512;

/** The language of this process's user, by the locale: LC_ALL before LC_MESSAGES before LANG, locale(7). */
export function localeLanguage(env: NodeJS.ProcessEnv = process.env): Language {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((value) => value !== undefined && value !== '');
  return locale !== undefined && /^ja(_|\.|$)/i.test(locale) ? 'ja' : 'en';
}

/** The language that an Accept-Language field prefers, RFC 9110 section 12.5.4. English for whoever reads neither. */
export function acceptedLanguage(field: string | undefined): Language {
  const quality = { en: 0, ja: 0 };
  for (const range of (field ?? '').slice(0, MAX_FIELD).split(',')) {
    const match = /^\s*(en|ja|\*)(?:-[a-z0-9-]+)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?$/i.exec(range);
    if (match === null || match[1] === '*') continue;
    const language = match[1].toLowerCase() === 'ja' ? 'ja' : 'en';
    quality[language] = Math.max(quality[language], Number(match[2] ?? 1));
  }
  return quality.ja > quality.en ? 'ja' : 'en';
}
