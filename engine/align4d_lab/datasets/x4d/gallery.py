"""index.html: every item with its four modalities, moving, and buttons to keep or drop it. One file, nothing from elsewhere."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from align4d.protocol import replacing

_STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1.5em; background: #f4f4f2; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(520px, 1fr)); gap: 1em }
article { background: #fff; border: 2px solid #ddd; border-radius: 6px; padding: .7em }
article.keep { border-color: #3a8a4a } article.drop { border-color: #b03a3a; opacity: .55 }
article img { width: 160px; height: 160px; object-fit: contain; background: #fff }
h2 { font-size: 1em; margin: 0 0 .3em } small, td, th { color: #555; font-weight: normal; text-align: left; font-size: 12px }
td, th { padding: 0 1em .2em 0 }
button { font: inherit; padding: .2em 1em } header button { margin-left: .5em } [hidden] { display: none }
"""

_SCRIPT = """
const stored = JSON.parse(document.getElementById("choices").textContent);
const served = location.protocol.startsWith("http");
const local = "align4d-choices:" + location.pathname;
const choices = served ? stored : Object.assign(stored, JSON.parse(localStorage.getItem(local) || "{}"));
function show(article) {
  article.classList.remove("keep", "drop");
  if (choices[article.id]) article.classList.add(choices[article.id]);
}
function count() {
  const all = Object.values(choices), kept = all.filter(one => one === "keep").length, dropped = all.filter(one => one === "drop").length;
  document.getElementById("count").textContent = `${kept} kept, ${dropped} dropped`;
}
async function choose(article, choice) {
  const next = choices[article.id] === choice ? null : choice;
  if (served) {
    const answer = await fetch("choices", {method: "POST", body: JSON.stringify({id: article.id, choice: next})});
    if (!answer.ok) return alert("The choice could not be stored: " + await answer.text());
  }
  choices[article.id] = next;
  if (!served) localStorage.setItem(local, JSON.stringify(choices));
  show(article); count();
}
for (const article of document.querySelectorAll("article")) {
  show(article);
  for (const button of article.querySelectorAll("button")) button.onclick = () => choose(article, button.value);
}
document.getElementById("filter").onchange = event => {
  for (const article of document.querySelectorAll("article"))
    article.hidden = event.target.value !== "all" && (choices[article.id] || "open") !== event.target.value;
};
document.getElementById("save").hidden = served;
document.getElementById("save").onclick = () => {
  const kept = Object.fromEntries(Object.entries(choices).filter(([, choice]) => choice));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(kept, null, 1)], {type: "application/json"}));
  link.download = "choices.json"; link.click();
};
count();
"""


def write_gallery(out: Path, manifest: dict[str, Any]) -> None:
    """Writes OUT/index.html."""
    choices = {item["id"]: item["choice"] for item in manifest["items"] if item["choice"]}
    embedded = json.dumps(choices).replace("<", "\\u003c")
    cards = "\n".join(_card(item) for item in manifest["items"])
    aside = "".join(_row(entry["name"], entry["stage"], entry["reason"]) for entry in manifest["quarantined"])
    head = f"<h1>Dataset</h1><p>{len(manifest['items'])} items, {len(manifest['quarantined'])} put aside, {len(manifest['unfinished'])} unfinished"
    tools = (
        '; <span id="count"></span>. Show <select id="filter"><option value="all">all</option><option value="open">not chosen yet</option>'
        '<option value="keep">kept</option><option value="drop">dropped</option></select><button id="save">Save choices.json</button></p>'
    )
    table = f"<h1>Put aside</h1><table><tr><th>given</th><th>stage</th><th>reason</th></tr>{aside}</table>" if aside else ""
    with replacing(out / "index.html", "w") as file:
        file.write(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Dataset</title>'
            f"<style>{_STYLE}</style></head>\n<body><header>{head}{tools}</header>\n<main>{cards}</main>\n{table}\n"
            f'<script type="application/json" id="choices">{embedded}</script>\n<script>{_SCRIPT}</script>\n</body></html>\n'
        )


def _card(item: dict[str, Any]) -> str:
    identifier = html.escape(item["id"], quote=True)
    made = item["modalities"]
    words = html.escape(str(made["text"]["facts"].get("words", "")))
    kinds = ("image", "video", "asset")
    pictures = "".join(f'<img loading="lazy" alt="{kind}" title="{kind}" src="previews/{identifier}-{kind}.webp">' for kind in kinds)
    by = ", ".join(f"{name}: {made[name]['made_by'].get('name', 'given')}" for name in ("text", "image", "video", "asset"))
    about = html.escape(f"{item['driven_by']}-driven ({item['name']}); {by}; license: {item['license'] or 'not said'}; seed {item['seed']}")
    buttons = '<button value="keep">Keep</button> <button value="drop">Drop</button>'
    return f'<article id="{identifier}"><h2>{words}</h2>{pictures}<p><small>{about}</small></p>{buttons}</article>'


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
