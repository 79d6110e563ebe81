/** The page of the lab's web server: from where, and by which tunnel, its reader came. One document, nothing from elsewhere. */
import type { Words } from '../topology/topology.js';
import type { Language } from './language.js';
import type { Visitor } from './visitor.js';

const WAYS: Readonly<Record<Visitor['tunnel'], Words>> = {
  '6to4': { en: '6to4', ja: '6to4' },
  isatap: { en: 'ISATAP', ja: 'ISATAP' },
  teredo: { en: 'Teredo', ja: 'Teredo' },
  native: { en: 'native IPv6', ja: 'ネイティブ IPv6' },
  ipv4: { en: 'IPv4', ja: 'IPv4' },
};

/** How the visitor came, in a sentence. */
export function sentence({ tunnel, ipv4, port }: Visitor): Words {
  const way = WAYS[tunnel];
  if (tunnel === 'native')
    return {
      en: 'Your address shows no tunnel: you came by native IPv6, or by 6rd, which looks the same from here.',
      ja: 'アドレスからトンネルは見えません。ネイティブ IPv6 か、外からは区別できない 6rd で接続しています。',
    };
  if (ipv4 === null) return { en: `You came by ${way.en}.`, ja: `${way.ja} で接続しています。` };
  const endpoint = port === null ? ipv4 : `${ipv4}:${port}`;
  return {
    en: `You came by ${way.en}: your address carries the IPv4 address ${endpoint}.`,
    ja: `${way.ja} トンネルで接続しています。アドレスには IPv4 アドレス ${endpoint} が埋め込まれています。`,
  };
}

/** For terminals: two lines. */
export function textPage(visitor: Visitor, language: Language): string {
  return `${visitor.address}\n${sentence(visitor)[language]}\n`;
}

const TITLE: Words = { en: 'Tsunagi: an IPv6-only web server', ja: 'つなぎ: IPv6 専用ウェブサーバ' };
const YOURS: Words = { en: 'Your address', ja: 'あなたのアドレス' };
const ABOUT: Words = {
  en: 'This server has no IPv4 address. Whoever reads this page has IPv6, whatever their provider offers.',
  ja: 'このサーバには IPv4 アドレスがありません。このページが見えるなら、プロバイダの対応にかかわらず IPv6 が使えています。',
};

/** Style of the page; its digest is in the policy that the server sends, so no other style is applied. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2733; --paper: #fbfaf7; --faint: #66707c; --line: #d9d6cd; --mark: #b3402a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e0; --paper: #15191e; --faint: #98a1ab; --line: #333a42; --mark: #ff8f75; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; grid-template-columns: min(44rem, 100%);
  place-content: center; padding: 2rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.7 system-ui, "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans JP", sans-serif; }
:lang(ja) { word-break: auto-phrase; }
h1 { margin: 0 0 2.5rem; font-size: 1rem; font-weight: 600; letter-spacing: .04em; color: var(--faint); }
h1 b { color: var(--mark); }
.address { margin: 0; font: clamp(1.25rem, 5.2vw, 2.25rem)/1.3 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.address mark { background: none; color: var(--mark); border-bottom: .09em solid; }
.label { margin: 0 0 .25rem; font-size: .875rem; color: var(--faint); }
.way { margin: 1.25rem 0 .25rem; font-size: 1.25rem; }
section + section { margin-top: 2rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
section + section .way { font-size: 1.0625rem; margin-top: 0; }
.about { margin: 0; color: var(--faint); }
`;

/** The whole page: in the reader's language, and below it in the other one. */
export function webPage(visitor: Visitor, language: Language): string {
  const other = language === 'ja' ? 'en' : 'ja';
  return `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${TITLE[language]}</title>
<style>${STYLE}</style>
<main>
<h1><b>つなぎ</b> Tsunagi</h1>
<p class="label">${YOURS[language]}</p>
<p class="address">${markedAddress(visitor)}</p>
${section(visitor, language)}
${section(visitor, other)}
</main>
</html>
`;
}

function section(visitor: Visitor, language: Language): string {
  return `<section lang="${language}">
<p class="way">${escapeHtml(sentence(visitor)[language])}</p>
<p class="about">${ABOUT[language]}</p>
</section>`;
}

/** The address with those groups marked that carry the IPv4 address. */
function markedAddress({ address, tunnel }: Visitor): string {
  const groups = tunnel === '6to4' ? /^(2002:)([0-9a-f]{1,4}:[0-9a-f]{1,4})(.*)$/ : /^(.*:)([0-9a-f]{1,4}:[0-9a-f]{1,4})()$/;
  const match = tunnel === 'native' || tunnel === 'ipv4' ? null : groups.exec(address);
  if (match === null) return escapeHtml(address);
  return `${escapeHtml(match[1])}<mark>${escapeHtml(match[2])}</mark>${escapeHtml(match[3])}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
