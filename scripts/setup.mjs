/**
 * Makes a fresh checkout ready: npm packages, Debian packages, build. Each step looks first whether it
 * has anything to do, so that a second run costs a second. Uses nothing but Node itself.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const NODE_AT_LEAST = [20, 19];

/** Without it there is no compiling for BPF, though there be a compiler. */
const LIBBPF_HEADER = '/usr/include/bpf/bpf_helpers.h';

/** Debian packages by the program, or the file, that shows they are there. `start` needs the first group, tests and measurements one more. */
const PROGRAMS = {
  start: { ip: 'iproute2', nft: 'nftables', tcpdump: 'tcpdump', ping: 'iputils-ping', ethtool: 'ethtool' },
  test: {
    tshark: 'tshark',
    rdisc6: 'ndisc6',
    curl: 'curl',
    ipv6calc: 'ipv6calc',
    unshare: 'util-linux',
    capsh: 'libcap2-bin',
    dnsmasq: 'dnsmasq-base',
    radvdump: 'radvdump',
    miredo: 'miredo',
    'miredo-server': 'miredo-server',
    // Without the package miniupnpd, whose service would start.
    miniupnpd: 'miniupnpd-nftables',
    clang: 'clang',
    bpftool: 'bpftool',
    [LIBBPF_HEADER]: 'libbpf-dev',
    turnserver: 'coturn',
  },
  bench: {
    miredo: 'miredo',
    'miredo-server': 'miredo-server',
    iperf3: 'iperf3',
    clang: 'clang',
    bpftool: 'bpftool',
    [LIBBPF_HEADER]: 'libbpf-dev',
  },
};
/** What keeps services from starting when their package is installed, and at boot: tests run those programs in networks of their own. */
const ASLEEP = {
  // A Teredo client that would look for its server on the Internet; the server of miredo-server starts only where it is told to.
  miredo: () => {
    mask('miredo');
    const defaults = '/etc/default/miredo';
    if (!existsSync(defaults)) writeFileSync(defaults, 'START_MIREDO=false\n');
  },
  // A STUN and TURN server that everybody could reach; without systemd it starts only where it is told to.
  coturn: () => mask('coturn'),
};

/** What `systemctl mask` does, before there is a unit. */
function mask(service) {
  const unit = `/etc/systemd/system/${service}.service`;
  if (existsSync('/etc/systemd/system') && !existsSync(unit)) symlinkSync('/dev/null', unit);
}

/** Sets up what `purpose` ('start', 'test' or 'bench') needs. Ends the process with a message when that is not possible. */
export async function setUp(purpose) {
  checkNode();
  npmPackages();
  debianPackages({ ...PROGRAMS.start, ...PROGRAMS[purpose] });
  await build();
}

/** Runs a program with its output hidden; on failure shows it and ends the process. */
function step(title, command, args, options = {}) {
  const began = Date.now();
  process.stderr.write(`set-up: ${title} … `);
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20, ...options });
  if (run.error === undefined && run.status === 0) {
    process.stderr.write(`${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stderr.write('failed\n');
  fail(`${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}\nset-up: "${command} ${args.join(' ')}" failed (${title}).`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (process.platform !== 'linux') fail('set-up: Tsunagi runs on Linux only: its tunnels are Linux TUN devices and raw sockets.');
  if (major < NODE_AT_LEAST[0] || (major === NODE_AT_LEAST[0] && minor < NODE_AT_LEAST[1])) {
    fail(`set-up: Node.js ${process.versions.node} is too old; ${NODE_AT_LEAST.join('.')} or newer is needed.`);
  }
}

function npmPackages() {
  const stamp = join(root, 'node_modules', '.tsunagi-lock');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  step('npm packages', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev']);
  writeFileSync(stamp, lock);
}

function debianPackages(programs) {
  const missing = Object.entries(programs)
    .filter(([name]) => !(name.startsWith('/') ? existsSync(name) : onPath(name)))
    .map(([, name]) => name);
  if (missing.length === 0) return;
  const byHand = `apt-get install ${missing.join(' ')}`;
  if (!onPath('apt-get') || process.getuid() !== 0) {
    process.stderr.write(`set-up: missing and not installable here: ${missing.join(', ')}; as root: ${byHand}\n`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  if (listsAreOld()) step('Debian package lists', 'apt-get', ['update', '-qq'], { env });
  for (const name of missing) ASLEEP[name]?.();
  const options = ['-y', '-qq', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold'];
  step(`Debian packages ${missing.join(' ')}`, 'apt-get', ['install', ...options, ...missing], { env });
}

function listsAreOld() {
  const lists = '/var/lib/apt/lists/partial';
  return !existsSync(lists) || Date.now() - statSync(lists).mtimeMs > 24 * 3600 * 1000;
}

/** True when a program is to be found, /usr/sbin included: an ordinary user's PATH leaves it out. */
function onPath(program) {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin']) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {}
  }
  return false;
}

/** Compiles what changed, and bundles when anything did. */
async function build() {
  fastPath();
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  if (!existsSync(join(root, 'dist', '.build'))) step('build', compiler, ['-b']);
  else {
    const run = spawnSync(compiler, ['-b'], { cwd: root, encoding: 'utf8' });
    if (run.status !== 0) fail(`${run.stdout}${run.stderr}set-up: the build failed.`);
  }
  const bundled = join(root, 'dist', 'bundle', 'main.js');
  if (existsSync(bundled) && statSync(bundled).mtimeMs >= newest(join(root, 'src'))) return;
  const { bundle } = await import('./bundle.mjs');
  await bundle(root);
}

/** Compiles the fast path, where there is a compiler for it: without one packets go through the packet threads. */
function fastPath() {
  compileXdp('fast path', join(root, 'bpf', 'tsunagi.bpf.c'), join(root, 'dist', 'bpf', 'tsunagi.bpf.o'));
}

/** Compiles a program for XDP when anything in its folder was changed since, and where there are a compiler and the headers. */
export function compileXdp(title, source, object) {
  if (!onPath('clang') || !existsSync(LIBBPF_HEADER) || (existsSync(object) && statSync(object).mtimeMs >= newest(dirname(source)))) return;
  mkdirSync(dirname(object), { recursive: true });
  // Headers of one architecture lie in a folder by its name, into which a compiler for another does not look.
  const { stdout } = spawnSync('clang', ['-print-multiarch'], { encoding: 'utf8' });
  const flags = ['-O2', '-g', '-target', 'bpf', '-Wall', '-Wextra', '-Werror', `-I/usr/include/${stdout.trim()}`];
  step(title, 'clang', [...flags, '-c', source, '-o', object]);
}

/** When anything below `folder` was last changed, milliseconds. */
function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  }
  return latest;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setUp(process.argv[2] === 'start' ? 'start' : 'test');
