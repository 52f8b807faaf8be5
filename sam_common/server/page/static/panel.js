// The panel beside the image: classes, objects, jobs and downloads.

import { save } from "./api.js";
import { guarded, make, runJob, section, tell } from "./ui.js";

/** Classes with their colours; the chosen one is that of new objects. */
export function classesPanel(session, title, hint) {
  const list = make("div", { class: "row", role: "group", "aria-label": title });
  const name = make("input", { type: "text", "aria-label": "Name", placeholder: session.about.kind === "volume" ? "liver" : "tree", maxlength: "200" });
  const colour = make("input", { type: "color", "aria-label": "Colour of the chosen class" });
  const draw = () => {
    list.replaceChildren(...session.classes.map((each) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.background = each.colour;
      return make("button", {
        class: "chip", "aria-pressed": String(each.name === session.chosenClass),
        onclick: () => { session.chosenClass = each.name; draw(); },
      }, swatch, each.name);
    }));
    colour.value = session.classOf(session.chosenClass).colour;
  };
  colour.addEventListener("input", () => {
    session.addClass(session.chosenClass, colour.value);
    draw();
    session.dispatchEvent(new Event("objects"));
  });
  const add = (event) => {
    event.preventDefault();
    if (!name.value.trim()) return;
    session.addClass(name.value.trim());
    session.chosenClass = name.value.trim();
    name.value = "";
    draw();
    session.dispatchEvent(new Event("objects"));
  };
  session.addEventListener("objects", draw);
  draw();
  return section(title, list,
    make("form", { class: "row", onsubmit: add }, name, make("button", {}, "Add"), colour),
    make("p", { class: "quiet" }, hint));
}

/** The table of objects; `size` gives the text of an object's size. */
export function objectsPanel(session, { size, sizeTitle, zoom }) {
  const body = make("tbody");
  const empty = make("p", { class: "quiet" });
  const table = make("table", { hidden: true },
    make("caption", { class: "quiet", hidden: true }, "Objects"),
    make("thead", {}, make("tr", {}, ...["Name", "Class"].map((text) => make("th", { scope: "col" }, text)),
      ...[sizeTitle, "Score"].map((text) => make("th", { scope: "col", class: "number" }, text)),
      make("th", { scope: "col", "aria-label": "Delete" }))), body);
  const heading = section("Objects", empty, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of objects" }, table));
  const row = (each) => {
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = session.colourOf(each);
    const classes = make("select", {
      "aria-label": `Class of ${each.name}`,
      onchange: guarded(() => session.reclass(each, classes.value)),
    }, ...session.classes.map(({ name }) => make("option", { selected: name === each.class }, name)));
    if (!each.class) classes.prepend(make("option", { selected: true, value: "" }, "–"));
    return make("tr", { class: each.object === session.current ? "current" : null, "data-object": each.object },
      make("td", {}, make("button", {
        class: "plain", title: "Show it, and go on with it", "aria-current": each.object === session.current ? "true" : null,
        onclick: () => { session.choose(each.object); zoom(each); },
      }, swatch, each.name)),
      make("td", {}, classes),
      make("td", { class: "number" }, size(each)),
      make("td", { class: "number" }, each.score === null ? "–" : each.score.toFixed(2)),
      make("td", {}, make("button", {
        class: "plain", "aria-label": `Delete ${each.name}`, title: "Delete",
        onclick: guarded(() => session.edit({ op: "remove_object", object: each.object })),
      }, "✕")));
  };
  const draw = () => {
    // what a person is about to use stays focused
    const focused = document.activeElement?.closest?.("tr[data-object]")?.dataset.object;
    const label = document.activeElement?.getAttribute?.("aria-label");
    heading.firstChild.textContent = `Objects (${session.objects.length})`;
    body.replaceChildren(...session.objects.map(row));
    table.hidden = !session.objects.length;
    empty.textContent = session.objects.length ? "" : "None yet.";
    if (focused) {
      const again = body.querySelector(`tr[data-object="${CSS.escape(focused)}"]`);
      [...(again?.querySelectorAll("button, select") ?? [])]
        .find((each) => each.getAttribute("aria-label") === label)?.focus();
    }
  };
  session.addEventListener("objects", draw);
  draw();
  return heading;
}

/** Buttons that write the objects to files, which the browser saves. Of a format, `beside` is
 *  the one that must be written with it and is not saved, and `isOff` tells that this image cannot
 *  have it; `note` then says why. */
export function downloadsPanel(session, formats, note = "") {
  const progress = make("div");
  const write = ({ format, label, beside }) => guarded(async () => {
    const done = await runJob({ kind: "export", session: session.id, formats: [...(beside ? [beside.format] : []), format] }, progress, label);
    if (done === null) return;
    const wanted = done.results.filter((file) => !file.name.endsWith(".job.json") && !(beside && file.name.endsWith(beside.suffix)));
    const stem = session.about.source.name.replace(/\.[^.]*$/, "").replace("the volume", "volume");
    for (const file of wanted) await save(done.job, file.name, file.name.replace(/^(objects|segmentation)/, `${stem}-$1`));
    const notes = done.summary?.notes ?? [];
    tell([`${label}: saved.`, ...notes].join(" "));
  });
  const buttons = formats.map((each) => make("button", { onclick: write(each), title: each.isOff ? note : null }, each.label));
  const draw = () => { buttons.forEach((each, n) => { each.disabled = formats[n].isOff || !session.objects.length; }); };
  session.addEventListener("objects", draw);
  draw();
  return section("Save", make("div", { class: "row" }, ...buttons), progress, note ? make("p", { class: "quiet" }, note) : null);
}

/** A form that takes a box, or a stroke, by numbers, for those who do not drag. */
export function boxForm(names, onbox, title = "Type a box", action = "Draw the box") {
  const inputs = names.map((name) => make("input", { type: "number", step: "any", required: true, "aria-label": name }));
  const form = make("form", {
    class: "row",
    onsubmit: guarded(async (event) => {
      event.preventDefault();
      await onbox(inputs.map((each) => Number(each.value)));
    }),
  }, ...inputs.map((input, n) => make("label", { class: "quiet" }, names[n], input)), make("button", {}, action));
  return make("details", {}, make("summary", {}, title), form);
}
