// The answers that a followed object was chosen from, of which a person may take another one.

import { get } from "./api.js";
import { guarded, make, section, tell } from "./ui.js";

/** A section of the panel; `millilitres` is the volume of a voxel. */
export function answersPanel(session, millilitres) {
  const body = make("tbody");
  const text = make("p", { class: "quiet" });
  const panel = section("Other answers", text,
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Answers for the chosen object" }, make("table", {},
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Answer"),
        ...["Certainty", "Agreement", "ml"].map((name) => make("th", { scope: "col", class: "number" }, name)))), body)));
  panel.hidden = true;
  let shown = null;

  const take = (object, number) => guarded(async () => {
    await session.edit({ op: "choose_candidate", object: object.object, candidate: number });
    tell(`${object.name}: answer ${number}. Undo brings back what was there.`);
  });

  /** Show the answers for an object; nothing where it has one answer only. */
  const draw = async (object) => {
    const wanted = object?.propagated ? JSON.stringify([object.object, object.propagated, object.boxes, object.points, object.candidate]) : null;
    if (wanted === shown) return;
    shown = wanted;
    const answers = wanted === null ? [] : await get(`${session.path}/objects/${object.object}/candidates`);
    if (wanted !== shown) return;
    panel.hidden = answers.length < 2;
    if (panel.hidden) return;
    text.textContent = `${object.name} could be any of these; the surest was chosen. Agreement is the Dice with that one.`;
    const taken = object.candidate ?? 1;
    const isFocused = body.contains(document.activeElement);
    body.replaceChildren(...answers.map(({ number, score, agreement, voxels }) => make("tr", { class: number === taken ? "current" : null },
      make("td", {}, make("button", {
        class: "plain", "aria-pressed": String(number === taken), title: "Take this answer", onclick: take(object, number),
      }, `Answer ${number}`)),
      ...[score.toFixed(2), agreement.toFixed(2), (voxels * millilitres).toFixed(2)].map((cell) => make("td", { class: "number" }, cell)))));
    // who has just taken one by keyboard goes on from there
    if (isFocused) body.querySelector("[aria-pressed=true]")?.focus();
  };
  return { panel, draw };
}
