// A session of the server: its edits one after the other, and its objects as they are now.

import { get, post } from "./api.js";
import { host } from "./host.js";
import { working } from "./ui.js";

const PALETTE = ["#ffb000", "#56b4e9", "#3ddc97", "#f0618f", "#b794f6", "#f5e663", "#ff7a45", "#7cd4fd"];

/** Fires `objects` where objects were added, changed or removed, and `marks` after every edit. */
export class Session extends EventTarget {
  constructor(about) {
    super();
    this.id = about.session;
    this.about = about;
    this.path = `/v1/sessions/${this.id}`;
    this.objects = [];
    this.current = null;
    this.canUndo = about.can_undo;
    this.canRedo = about.can_redo;
    this.queue = Promise.resolve();
    this.classes = JSON.parse(host.memory.getItem(`classes ${this.id}`) ?? "[]");
    if (!this.classes.length) this.addClass("object");
    [this.chosenClass] = this.classes.map((each) => each.name);
  }

  /** Do work after all that was asked for before. */
  inTurn(work) {
    const next = this.queue.then(work);
    this.queue = next.catch(() => {});
    return next;
  }

  /** Objects with their prompts, newly asked for; `onlyChanges` fires nothing where there are none, so
   *  that what a person is about to choose in a table stays open. */
  async sync({ onlyChanges = false } = {}) {
    const objects = await get(`${this.path}/objects`);
    if (onlyChanges && JSON.stringify(objects) === JSON.stringify(this.objects)) return;
    this.objects = objects;
    for (const each of objects) if (each.class && !this.classOf(each.class)) this.addClass(each.class);
    if (this.current && !objects.some((each) => each.object === this.current)) this.current = null;
    this.dispatchEvent(new Event("objects"));
  }

  /** Add a prompt to the current object; where there is none, to a new one. */
  prompt(edit) {
    return this.inTurn(async () => {
      let object = this.current;
      if (object === null) {
        const added = await this.send({ op: "add_object", name: this.newName(this.chosenClass), class: this.chosenClass });
        object = added.changed[0].object;
      }
      try {
        const change = await working("Reading and encoding this part …", this.send({ ...edit, object }));
        this.current = object;
        await this.sync();
        return change.changed.find((each) => each.object === object);
      } catch (error) {
        if (this.current === null) this.marks(await post(`${this.path}/undo`));
        throw error;
      }
    });
  }

  /** Any other edit; gives what it changed. */
  edit(edit) {
    return this.inTurn(async () => {
      const change = await this.send(edit);
      await this.sync();
      return change;
    });
  }

  undo() { return this.move("undo"); }
  redo() { return this.move("redo"); }

  /** Undo or redo; an object that has no prompts is never left, as no person made it. */
  move(way) {
    return this.inTurn(async () => {
      const change = await working("Working …", post(`${this.path}/${way}`));
      this.marks(change);
      const bare = change.changed.some((each) => !each.removed && each.status === "no_prompt");
      const more = way === "undo" ? change.can_undo : change.can_redo;
      if (bare && more) this.marks(await post(`${this.path}/${way}`));
      await this.sync();
    });
  }

  async send(edit) {
    const change = await post(`${this.path}/edits`, edit);
    this.marks(change);
    return change;
  }

  marks(change) {
    this.canUndo = change.can_undo;
    this.canRedo = change.can_redo;
    this.dispatchEvent(new Event("marks"));
  }

  choose(object) {
    this.current = object;
    this.dispatchEvent(new Event("objects"));
  }

  get currentObject() {
    return this.objects.find((each) => each.object === this.current) ?? null;
  }

  /** A name that no object has: of a volume the class itself, as segments are named so. */
  newName(className) {
    const isTaken = this.objects.some((each) => each.name === className);
    return this.about.kind === "volume" && !isTaken ? className : this.newNames(className, 1)[0];
  }

  /** Names with numbers that no object has. */
  newNames(className, count) {
    const taken = new Set(this.objects.map((each) => each.name));
    const names = [];
    for (let number = 1; names.length < count; number += 1) {
      if (!taken.has(`${className} ${number}`)) names.push(`${className} ${number}`);
    }
    return names;
  }

  /** Remove the current object, where there is one. */
  removeCurrent() {
    return this.current === null ? null : this.edit({ op: "remove_object", object: this.current });
  }

  /** Give an object another class; of a volume the name follows, as files have that alone. */
  reclass(object, className) {
    const name = this.about.kind === "volume" ? this.newName(className) : object.name;
    return this.edit({ op: "rename_object", object: object.object, name, class: className });
  }

  classOf(name) {
    return this.classes.find((each) => each.name === name);
  }

  /** Add a class, or give it the colour that a person chose. */
  addClass(name, colour) {
    const known = this.classOf(name);
    if (!known) this.classes.push({ name, colour: colour ?? PALETTE[this.classes.length % PALETTE.length] });
    else if (colour !== undefined) Object.assign(known, { colour, isChosen: true });
    this.keepClasses();
  }

  /** Take the colours of a map for its classes, but for those whose colour a person chose. */
  adoptColours(classes) {
    for (const each of classes) {
      const known = this.classOf(each.class);
      if (known && !known.isChosen) known.colour = each.colour;
    }
    this.keepClasses();
    this.dispatchEvent(new Event("objects"));
  }

  keepClasses() {
    host.memory.setItem(`classes ${this.id}`, JSON.stringify(this.classes));
  }

  colourOf(object) {
    return this.classOf(object.class)?.colour ?? PALETTE[0];
  }
}

/** What decides how an object looks: equal where nothing was changed. */
export const signatureOf = (each) => JSON.stringify(
  [each.points, each.boxes, each.marks, each.candidate, each.propagated, each.window, each.area, each.score, each.status]);
