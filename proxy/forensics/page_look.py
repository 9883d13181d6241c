"""How a page looks, and what its script does: folding and filtering only, everything can be read without it."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--dim:#66717f;--line:#dfe4ea;--rail:#aab4c0;
--up:#1463c9;--down:#7a3fc0;--ok:#1a7f4b;--warn:#a86200;--bad:#c5283d;--info:#2b6cb0;--warnbg:#fff4dd;--badbg:#fdeaec;
--infobg:#e9f2fb;--gapbg:#f1edf7;--code:#f3f5f8;--key:#0b5e8a;--str:#276738;--num:#8a3b12}
@media(prefers-color-scheme:dark){:root{--bg:#10151b;--card:#171e26;--ink:#e3e9ef;--dim:#8b97a5;--line:#2a343f;
--rail:#4a5765;--up:#6cb2ff;--down:#c39bff;--ok:#5cce93;--warn:#f0b35a;--bad:#ff7b8a;--info:#7fb8f0;--warnbg:#2f2614;
--badbg:#331a1f;--infobg:#172636;--gapbg:#251f30;--code:#11171e;--key:#7cc7f2;--str:#8fd6a3;--num:#f0ac7d}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI","Noto Sans",
"DejaVu Sans",sans-serif;display:flex;flex-direction:column;min-height:100vh}
code,pre,.m,time,.n{font-family:ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",monospace}
bdi,pre,code{unicode-bidi:isolate}
.top,.sum,main,footer{width:100%;max-width:1180px;margin:0 auto;padding:0 20px}
.top{order:0;padding-top:26px}.sum{order:1}.tools{order:2}main{order:3}
footer{order:4;padding:28px 20px;color:var(--dim)}
h1{font-size:25px;margin:0 0 2px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:18px;margin:0;overflow-wrap:anywhere}
.sub{color:var(--dim);margin:0 0 14px;overflow-wrap:anywhere}
.brand{float:right;color:var(--dim);font-size:12px;margin:9px 0 0 16px}
.facts{display:flex;flex-wrap:wrap;gap:6px 26px;margin:12px 0 0;padding:0}
.facts div{min-width:0}.facts dt{color:var(--dim);font-size:11.5px}.facts dd{margin:0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(98px,1fr));gap:8px;margin:4px 0 14px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:8px 11px}
.tile b{display:block;font-size:19px;white-space:nowrap;line-height:1.25;font-weight:650}
.tile span{color:var(--dim);font-size:12px}
.tile.bad b{color:var(--bad)}.tile.warn b{color:var(--warn)}
.found{list-style:none;margin:0 0 16px;padding:0}
.found li{margin:0 0 3px}.found a{color:inherit;text-decoration:none;display:block}
.found .f{margin:0;padding:3px 12px}.found .f small{display:none}.found a:hover .f{filter:brightness(.97)}
.tools{max-width:1180px;width:100%;margin:0 auto;padding:0 20px 12px;display:flex;flex-wrap:wrap;gap:8px 16px;
align-items:center;color:var(--dim)}
.tools input[type=search]{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--line);
border-radius:8px;padding:6px 11px;width:250px}.tools button{font:inherit;color:var(--ink);background:var(--card);
border:1px solid var(--line);border-radius:8px;padding:6px 11px;cursor:pointer}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;margin:0 0 22px}
section>header{padding:14px 18px 12px}
.badge{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:0 9px;font-size:12px;
color:var(--dim);margin:0 6px 0 0;vertical-align:2px}
.heads{margin:10px 0 0}.heads summary,.q summary{cursor:pointer;color:var(--dim)}
.heads pre{max-height:320px}
.lanes,.x>summary,.r{display:grid;grid-template-columns:146px 1fr 118px;column-gap:12px;align-items:stretch}
.lanes{position:sticky;top:0;z-index:2;background:var(--card);border-top:1px solid var(--line);
border-bottom:1px solid var(--line);padding:7px 18px;font-weight:600}
.lanes div{display:flex;justify-content:space-between;gap:16px;min-width:0}
.lanes div span{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.lanes .cp{color:var(--up)}.lanes .cs{color:var(--down)}
.k{content-visibility:auto;contain-intrinsic-size:auto 5600px}
.x>summary,.r{padding:0 18px}
.x>summary{list-style:none;cursor:pointer}.x>summary::-webkit-details-marker{display:none}
.x>summary:hover,.x[open]>summary{background:color-mix(in srgb,var(--info) 7%,transparent)}
.t{color:var(--dim);font-size:12px;padding-top:7px;white-space:nowrap}
.t .n{float:right;opacity:.75}
.w{border-left:2px solid var(--rail);border-right:2px solid var(--rail);padding:3px 0;min-width:0;margin:0 34px}
.a{display:block;position:relative;padding:2px 14px 2px;margin:0;min-width:0;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}
.a::after{content:"";display:block;border-top:2px solid var(--c);margin:2px -14px 5px}
.a::before{content:"";position:absolute;bottom:3px;border:5px solid transparent}
.go::before{right:-1px;border-left:9px solid var(--c);border-right:0}
.come::before{left:-1px;border-right:9px solid var(--c);border-left:0}
.a.ans::after{border-top-style:dashed;border-top-width:1px;margin-bottom:6px}
.come{text-align:right}
.cp{--c:var(--up)}.cs{--c:var(--down)}
.a b{color:var(--c);font-weight:620}.a i{font-style:normal;color:var(--dim);font-size:12.5px;margin-left:8px}
.a.no{--c:var(--bad);color:var(--bad)}.a.no::after{border-top-style:dotted;border-top-width:2px}
.a.no::before{content:"\\2715";border:0;bottom:1px;left:50%;font-size:12px;background:var(--card);padding:0 5px}
.a b.ok{color:var(--ok)}.a b.odd{color:var(--warn)}.a b.err{color:var(--bad)}
.l{font-size:12px;color:var(--dim);align-self:end;padding:0 0 5px;white-space:nowrap}
.l u{display:block;height:5px;border-radius:3px;background:var(--ok);width:var(--w);min-width:3px;margin:0 0 2px}
.l .slow{background:var(--warn)}.l .late{background:var(--bad)}
.v{white-space:normal;color:var(--warn);font-size:12.5px;padding:0 14px 5px}.v.bad{color:var(--bad)}
.q{margin:0 18px 8px 176px;padding:2px 34px 8px}
.q h4{margin:8px 0 3px;font-size:12px;font-weight:500;color:var(--dim)}
pre{background:var(--code);border:1px solid var(--line);border-radius:8px;padding:9px 12px;margin:0;overflow:auto;
max-height:460px;font-size:12.5px;line-height:1.42;white-space:pre-wrap;overflow-wrap:anywhere;tab-size:2}
pre .jk{color:var(--key)}pre .js{color:var(--str)}pre .jn{color:var(--num)}
.r .w{text-align:center;color:var(--dim);font-size:12.5px;padding:3px 12px}
.r.ping .w{padding:2px 12px}
.r.still .w{border-left-style:dotted;border-right-style:dotted;padding:9px 12px;font-style:italic}
.r.day .w{font-weight:600;color:var(--ink);padding:10px 12px}
.r.end .w{padding:12px;color:var(--ink);border-color:transparent;border-top:2px solid var(--rail)}
.f{border-radius:8px;padding:7px 12px;margin:4px 0;text-align:left;white-space:normal;background:var(--infobg);
border-left:4px solid var(--info);color:var(--ink);overflow-wrap:anywhere}
.f.warning{background:var(--warnbg);border-color:var(--warn)}.f.critical{background:var(--badbg);border-color:var(--bad)}
.f strong{color:var(--info)}.f.warning strong{color:var(--warn)}.f.critical strong{color:var(--bad)}
.f small{color:var(--dim);display:block;font-size:12px}
.r.aside .w{padding:2px 0}.r.aside .f{margin:3px -24px;position:relative}
.r.aside:target .f{outline:2px solid var(--info)}
.f.gap{background:repeating-linear-gradient(-45deg,var(--gapbg) 0 9px,transparent 9px 18px);border-color:var(--down)}
.f.gap strong{color:var(--down)}
.cutoff{padding:16px 18px;color:var(--warn);font-weight:600}
.hide{display:none!important}
@media(max-width:760px){.lanes,.x>summary,.r{grid-template-columns:84px 1fr}.l{grid-column:2}
.t .n{float:none;display:block}
.w{margin:0 6px}.q{margin-left:0;padding:2px 4px}.t{white-space:normal}}
@media print{.tools{display:none}.lanes{position:static}.k{content-visibility:visible}}
"""
SCRIPT: Final = """
(()=>{const tools=document.querySelector('.tools');if(!tools)return;tools.hidden=false;
const word=tools.querySelector('[type=search]'),boxes=[...tools.querySelectorAll('[data-hide]')];
const rows=[...document.querySelectorAll('.x,.r:not(.end):not(.day)')];
const colour=pre=>{if(pre.dataset.done||pre.textContent.length>65536)return;pre.dataset.done=1;
const text=pre.textContent,out=document.createDocumentFragment(),
pieces=/("(?:[^"\\\\]|\\\\.)*")(\\s*:)?|-?\\d[\\d.eE+-]*|true|false|null/g;let at=0,found;
while((found=pieces.exec(text))){out.append(text.slice(at,found.index));const span=document.createElement('span');
span.className=found[2]?'jk':found[1]?'js':'jn';span.textContent=found[1]||found[0];out.append(span);
at=found.index+span.textContent.length;pieces.lastIndex=at}
out.append(text.slice(at));pre.replaceChildren(out)};
document.addEventListener('toggle',event=>{if(event.target.open)
event.target.querySelectorAll('pre.j').forEach(colour)},true);
document.querySelectorAll('details[open] pre.j').forEach(colour);
const filter=()=>{const wanted=word.value.trim().toLowerCase(),
off=boxes.filter(box=>!box.checked).map(box=>box.dataset.hide),
only=tools.querySelector('[data-only]').checked;for(const row of rows){const kinds=row.classList;
let away=off.some(kind=>kinds.contains(kind))||(only&&!kinds.contains('bad')&&!kinds.contains('aside'));
if(!away&&wanted)away=!row.textContent.toLowerCase().includes(wanted);kinds.toggle('hide',away)}};
let waits;tools.addEventListener('input',()=>{clearTimeout(waits);waits=setTimeout(filter,120)});
tools.querySelector('button').addEventListener('click',()=>{
const all=[...document.querySelectorAll('.x')].slice(0,2000),
open=all.some(one=>!one.open);all.forEach(one=>{one.open=open})})})();
"""
