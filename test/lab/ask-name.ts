/** Asks for each name of the command line, one after the other, and prints what was answered, a line of JSON each: to be run where names are served. */
import { askAddresses } from '../../src/daemon/dns.js';
import { formatIpv4 } from '../../src/wire/address.js';

for (const name of process.argv.slice(2)) {
  const began = performance.now();
  const said = await askAddresses(name).answer.then(
    ({ addresses, ttl }) => ({ addresses: addresses.map(formatIpv4), ttl }),
    (error: Error) => ({ failed: error.message }),
  );
  console.log(JSON.stringify({ ...said, milliseconds: Math.round(performance.now() - began) }));
}
