/** The router that a host sends to for the rest of the IPv4 Internet. */
import { formatIpv4, parseIpv4 } from '../wire/address.js';
import { NOWHERE } from './facts.js';
import { runBatch } from './ip-batch.js';

/** `ip -json route get`. */
interface IpRoute {
  readonly gateway?: string;
}

/** The gateway of packets from `local`, both unsigned; null where there is none: no such route, or one that names no router. */
export function gatewayOf(local: number): number | null {
  const { output } = runBatch(['-force', '-json'], [`route get ${NOWHERE} from ${formatIpv4(local)}`]);
  try {
    const [route] = JSON.parse(output) as readonly IpRoute[];
    return parseIpv4(route?.gateway ?? '');
  } catch {
    return null; // ip had nothing to say
  }
}
