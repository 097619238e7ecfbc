"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const entries = new Map(data.entries.map((entry) => [entry.n, entry]));
  const people = new Map(data.people.map((person) => [person.email, person]));
  const laneNames = Object.fromEntries(data.lanes.map((lane) => [lane.id, lane.name]));
  const effects = new Map();
  for (const entry of data.entries) {
    for (const cause of entry.causes || []) {
      const number = numberOf(cause);
      if (!effects.has(number)) effects.set(number, []);
      effects.get(number).push(entry.n);
    }
  }
  const SVG = "http://www.w3.org/2000/svg";
  const GAP_S = 60;
  const state = { person: null, view: "timeline", marks: new Set(), found: [], message: null };

  // Words

  function numberOf(id) { return Number(id.slice(1)); }
  function idOf(number) { return "e" + String(number).padStart(6, "0"); }
  function colour(lane) { return `var(--${lane || "dim"})`; }

  function span(seconds) {
    if (seconds < 0) return "-" + span(-seconds);
    if (seconds < 60) return String(Math.round(seconds * 1000) / 1000) + " s";
    let rest = Math.round(seconds);
    const parts = [];
    for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
      const number = Math.floor(rest / size);
      rest -= number * size;
      if (parts.length || number) parts.push([number, unit]);
    }
    return parts.slice(0, 2).filter(([number]) => number).map((part) => part.join(" ")).join(" ");
  }

  function clock(seconds) {
    const at = new Date(Date.parse(data.start) + seconds * 1000);
    return at.toISOString().replace("T", " ").replace("Z", " UTC");
  }

  function plural(count, noun, many) {
    return `${count.toLocaleString("en")} ${count === 1 ? noun : many || noun + "s"}`;
  }

  function answerOf(entry) {
    return entry.status !== undefined ? String(entry.status) : entry.error || "no answer";
  }

  function title(entry) {
    if (entry.kind === "exchange") return entry.about ? `${entry.label} (${entry.about})` : entry.label;
    if (entry.kind === "step") {
      const what = entry.details.subject || entry.details.text;
      return what ? `${entry.verb}: ${what}` : entry.a === entry.b ? entry.verb : entry.label || entry.verb;
    }
    return entry.label || entry.text || entry.kind;
  }

  function path(entry) {
    if (!entry.a) return "";
    return entry.a === entry.b ? laneNames[entry.a] : `${laneNames[entry.a]} → ${laneNames[entry.b]}`;
  }

  // Elements

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  function draw(tag, attributes, text) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "fill" || name === "stroke") element.style[name] = value;
      else element.setAttribute(name, value);
    }
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function fit(text, width, size) {
    const most = Math.max(3, Math.floor(width / (size * 0.54)));
    return text.length > most ? text.slice(0, most - 1) + "…" : text;
  }

  function pressable(element, act) {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    element.addEventListener("click", act);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(event); }
    });
    return element;
  }

  // Sequence diagrams

  function sequence(host, rows, lanes, strip) {
    const left = 92;
    const right = strip ? 210 : 16;
    const width = Math.max(host.clientWidth - 4, left + right + Math.max(2, lanes.length) * 118);
    const step = (width - left - right) / Math.max(1, lanes.length);
    const x = Object.fromEntries(lanes.map((lane, index) => [lane, left + step * (index + 0.5)]));
    const top = 42;
    let y = top;
    const svg = draw("svg", { width, role: "img", "aria-label": "Sequence diagram" });
    const lines = draw("g");
    const body = draw("g");
    svg.append(lines, body);
    for (const row of rows) {
      if (row.gap) {
        body.append(draw("line", { class: "gapline", x1: left - 8, x2: width - right, y1: y + 11, y2: y + 11 }));
        body.append(draw("text", { class: "gap halo", x: left + 6, y: y + 15 }, row.gap));
        y += 26;
        continue;
      }
      const height = row.about && row.a !== row.b ? 42 : 32;
      body.append(sequenceRow(row, { x, y, left, right, width, step, height, strip }));
      y += height;
    }
    for (const lane of lanes) {
      lines.append(draw("line", { class: "lifeline", x1: x[lane], x2: x[lane], y1: 32, y2: y + 6 }));
      lines.append(draw("rect", { x: x[lane] - 50, y: 4, width: 100, height: 26, rx: 8, fill: "var(--sunk)", stroke: colour(lane) }));
      lines.append(draw("text", { class: "head", x: x[lane], y: 22, "text-anchor": "middle", fill: colour(lane) }, laneNames[lane]));
    }
    svg.setAttribute("height", y + 10);
    svg.setAttribute("viewBox", `0 0 ${width} ${y + 10}`);
    host.replaceChildren(svg);
  }

  function sequenceRow(row, at) {
    const { x, y, left, right, width, step, height, strip } = at;
    const bad = row.broken || row.failed;
    const group = draw("g", { class: bad ? "row bad" : "row" });
    group.append(draw("rect", { class: "hit", x: 2, y: y, width: width - 4, height: height - 2, rx: 6 }));
    group.append(draw("text", { class: "when", x: left - 14, y: y + 20, "text-anchor": "end" }, row.when));
    const ink = bad ? "var(--bad)" : colour(row.a);
    const line = y + height - 9;
    if (row.a === row.b) {
      group.append(draw("circle", { cx: x[row.a], cy: y + 15, r: row.minor ? 3.5 : 5, fill: ink }));
      const room = (width - right - x[row.a] - 14);
      const flipped = room < 120;
      group.append(draw("text", {
        class: row.minor ? "label about halo" : "label halo", x: x[row.a] + (flipped ? -12 : 12), y: y + 19,
        "text-anchor": flipped ? "end" : "start",
      }, fit(row.label, flipped ? x[row.a] - left : room, 12.5)));
    } else {
      const sign = x[row.b] > x[row.a] ? 1 : -1;
      const from = x[row.a] + 5 * sign, to = x[row.b] - 4 * sign;
      group.append(draw("line", { x1: from, x2: to - 5 * sign, y1: line, y2: line, stroke: ink, "stroke-width": 1.8, "stroke-dasharray": row.failed ? "5 4" : "none" }));
      group.append(draw("path", { d: `M${to} ${line} l${-9 * sign} -4.5 v9 z`, fill: ink }));
      group.append(draw("circle", { cx: x[row.a], cy: line, r: 3.5, fill: ink }));
      const room = Math.max(Math.abs(to - from) - 12, step - 16);
      const middle = (from + to) / 2;
      group.append(draw("text", { class: "label halo", x: middle, y: row.about ? y + 15 : line - 7, "text-anchor": "middle" }, fit(row.label, room, 12.5)));
      if (row.about) group.append(draw("text", { class: "about halo", x: middle, y: y + 28, "text-anchor": "middle" }, fit(row.about, room, 11)));
    }
    const spoken = draw("title", {}, `${row.when} ${laneNames[row.a]} → ${laneNames[row.b]}: ${row.label}${row.about ? " (" + row.about + ")" : ""}`);
    group.append(spoken);
    if (strip) group.append(...histogram(row, width - right + 18, y + 6, height - 14));
    return pressable(group, row.act);
  }

  function histogram(row, x, y, height) {
    const width = 122;
    const most = Math.max(...row.bins);
    const part = width / row.bins.length;
    const found = [draw("line", { class: "gapline", x1: x, x2: x + width, y1: y + height, y2: y + height })];
    row.bins.forEach((count, index) => {
      if (!count) return;
      const tall = Math.max(2.5, Math.sqrt(count / most) * height);
      found.push(draw("rect", { x: x + index * part, y: y + height - tall, width: Math.max(1.6, part - 0.4), height: tall, fill: row.broken ? "var(--bad)" : colour(row.a) }));
    });
    found.push(draw("text", { class: "count", x: x + width + 60, y: y + height, "text-anchor": "end" }, "×" + row.count.toLocaleString("en")));
    return found;
  }

  function overview() {
    const most = 80;
    const rows = data.groups.slice(0, most).map((group) => ({
      ...group,
      when: "+" + span(group.first),
      count: group.members.length,
      act: () => group.members.length === 1 ? showMessage(group.members[0]) : showGroup(group),
    }));
    sequence(document.getElementById("overview"), rows, data.lanes.map((lane) => lane.id), true);
    if (data.groups.length > most) {
      document.getElementById("overview").append(make("p", { class: "dim" }, `and ${plural(data.groups.length - most, "more kind")} of message`));
    }
  }

  // People

  const list = document.getElementById("list");
  const ROW = 46;

  function filters() {
    const counts = new Map();
    for (const person of data.people) for (const mark of Object.keys(person.marks)) counts.set(mark, (counts.get(mark) || 0) + 1);
    const chips = [...counts].filter(([, count]) => count < data.people.length).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 14);
    const problems = data.people.filter((person) => person.problems).length;
    if (problems) chips.unshift(["problems", problems]);
    document.getElementById("filters").replaceChildren(...chips.map(([mark, count]) => make("button", {
      type: "button", class: "chip", "aria-pressed": String(state.marks.has(mark)),
      onclick: () => { state.marks.has(mark) ? state.marks.delete(mark) : state.marks.add(mark); filters(); find(); },
    }, `${mark} ${count.toLocaleString("en")}`)));
  }

  function find() {
    const words = document.getElementById("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    state.found = data.people.filter((person) =>
      words.every((word) => person.email.includes(word))
      && [...state.marks].every((mark) => mark === "problems" ? person.problems : person.marks[mark]));
    document.getElementById("found").textContent = state.found.length === data.people.length
      ? plural(data.people.length, "person", "people") : `${state.found.length.toLocaleString("en")} of ${plural(data.people.length, "person", "people")}`;
    list.scrollTop = 0;
    renderList();
  }

  function renderList() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
    const last = Math.min(state.found.length, first + Math.ceil((list.clientHeight || 560) / ROW) + 8);
    const spacer = make("div", { style: "" });
    spacer.style.height = state.found.length * ROW + "px";
    const items = [];
    for (let index = first; index < last; index += 1) {
      const person = state.found[index];
      const item = make("button", {
        type: "button", class: "item", role: "option", tabindex: "-1", "aria-selected": String(person.email === state.person),
        onclick: () => showPerson(person.email),
      },
      make("div", { class: "who" }, make("span", {}, person.email), person.problems ? make("span", { class: "bad" }, "✗ " + person.problems) : null),
      dots(person, 286, 12));
      item.style.top = index * ROW + "px";
      item.style.width = "100%";
      items.push(item);
    }
    list.replaceChildren(spacer, ...items);
  }

  function dots(person, width, height) {
    const svg = draw("svg", { width, height, "aria-hidden": "true" });
    svg.append(draw("line", { class: "gapline", x1: 0, x2: width, y1: height / 2, y2: height / 2 }));
    let lastX = -9;
    for (const number of person.entries) {
      const entry = entries.get(number);
      if (!entry || !entry.b || entry.kind === "fact") continue;
      const x = 4 + (width - 8) * Math.min(1, entry.t / (data.span || 1));
      if (Math.abs(x - lastX) < 1 && !entry.violations) continue;
      lastX = x;
      svg.append(draw("circle", { cx: x, cy: height / 2, r: 3, fill: entry.violations ? "var(--bad)" : colour(entry.b), opacity: 0.85 }));
    }
    return svg;
  }

  function storyOf(person) { return person.entries.map((number) => entries.get(number)).filter(Boolean); }

  function showPerson(email) {
    const person = people.get(email);
    if (!person) return;
    state.person = email;
    for (const item of list.querySelectorAll(".item")) item.setAttribute("aria-selected", String(item.querySelector(".who span").textContent === email));
    const host = document.getElementById("person");
    const story = storyOf(person);
    const tab = (view, name) => make("button", { type: "button", "aria-pressed": String(state.view === view), onclick: () => { state.view = view; showPerson(email); } }, name);
    const body = make("div", { class: "drawing" });
    host.replaceChildren(
      make("div", { class: "bar" }, make("h3", {}, email), make("div", { class: "tabs" }, tab("timeline", "Timeline"), tab("sequence", "Sequence"))),
      make("div", { class: "chips" },
        person.problems ? make("span", { class: "chip bad" }, plural(person.problems, "problem")) : null,
        ...Object.entries(person.marks).map(([mark, count]) => make("span", { class: "chip still" }, count > 1 ? `${mark} ×${count}` : mark))),
      body);
    if (story.length < person.entries.length) body.before(make("p", { class: "dim" }, `${story.length} of ${plural(person.entries.length, "entry", "entries")} are in this file; the JSON Lines journal has all.`));
    if (state.view === "timeline") timeline(body, story);
    else personSequence(body, story);
    remember(personFragment());
  }

  function personFragment() {
    return `person=${encodeURIComponent(state.person)}${state.view === "sequence" ? "&sequence" : ""}`;
  }

  function timeline(host, story) {
    const lanes = data.lanes.map((lane) => lane.id).filter((lane) => story.some((entry) => entry.a === lane || entry.b === lane));
    const left = 92, rowHeight = 22, width = Math.max(host.clientWidth - 4, 420), inner = width - left - 16;
    const height = lanes.length * rowHeight + 24;
    const svg = draw("svg", { width, height, class: "lanes", role: "img", "aria-label": "What happened where over time" });
    lanes.forEach((lane, index) => {
      const y = index * rowHeight + 12;
      svg.append(draw("text", { class: "when", x: left - 14, y: y + 4, "text-anchor": "end", fill: colour(lane) }, laneNames[lane]));
      svg.append(draw("line", { class: "gapline", x1: left, x2: left + inner, y1: y, y2: y }));
    });
    const ticks = tickTimes();
    for (const tick of ticks) {
      const x = left + inner * tick / (data.span || 1);
      svg.append(draw("line", { class: "lifeline", x1: x, x2: x, y1: 2, y2: height - 18 }));
      svg.append(draw("text", { class: "when", x, y: height - 4, "text-anchor": tick ? (tick > data.span * 0.96 ? "end" : "middle") : "start" }, tick ? "+" + span(tick) : "start"));
    }
    for (const entry of story) {
      if (!entry.a) continue;
      const at = left + inner * Math.min(1, entry.t / (data.span || 1));
      const rows = entry.a === entry.b ? [entry.a] : [entry.a, entry.b];
      if (rows.length === 2) svg.append(draw("line", { x1: at, x2: at, y1: lanes.indexOf(rows[0]) * rowHeight + 12, y2: lanes.indexOf(rows[1]) * rowHeight + 12, stroke: entry.violations || entry.failed ? "var(--bad)" : colour(entry.a), "stroke-width": 1, opacity: 0.45 }));
      for (const lane of rows) {
        const dot = draw("circle", { cx: at, cy: lanes.indexOf(lane) * rowHeight + 12, r: entry.kind === "fact" ? 3 : 4.5, fill: entry.violations || entry.failed ? "var(--bad)" : colour(lane) });
        dot.append(draw("title", {}, `+${span(entry.t)} ${path(entry)}: ${title(entry)}`));
        dot.addEventListener("click", () => showMessage(entry.n));
        svg.append(dot);
      }
    }
    const items = [];
    let before = null;
    for (const entry of story) {
      if (before !== null && entry.t - before > GAP_S) items.push(make("li", { class: "gap" }, span(entry.t - before) + " later"));
      before = entry.t;
      items.push(make("li", {}, eventButton(entry)));
    }
    host.replaceChildren(svg, make("ul", { class: "events" }, ...items));
  }

  function tickTimes() {
    const steps = [60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000];
    const step = steps.find((size) => data.span / size <= 8) || data.span / 6;
    const ticks = [];
    for (let at = 0; at <= data.span + 1e-6; at += step || 1) ticks.push(at);
    return ticks;
  }

  function eventButton(entry) {
    const bad = entry.violations || entry.failed;
    const ending = entry.kind === "exchange" ? (entry.violations ? plural(entry.violations.length, "violation") : answerOf(entry)) : "";
    const lane = make("span", { class: "lane" }, entry.b ? laneNames[entry.b] : "");
    lane.style.color = colour(entry.b);
    return make("button", { type: "button", "data-entry": idOf(entry.n) },
      make("span", { class: "when", title: clock(entry.t) }, "+" + span(entry.t)),
      lane,
      make("span", { class: entry.kind === "fact" ? "what minor" : "what" }, title(entry)),
      make("span", { class: bad ? "status bad" : "status dim" }, ending));
  }

  function personSequence(host, story) {
    const rows = [];
    let before = null;
    for (const entry of story) {
      if (!entry.a) continue;
      if (before !== null && entry.t - before > GAP_S) rows.push({ gap: span(entry.t - before) + " later" });
      before = entry.t;
      rows.push({
        a: entry.a, b: entry.b, label: entry.kind === "step" ? title(entry) : entry.label, about: entry.about, minor: entry.kind === "fact",
        broken: Boolean(entry.violations), failed: entry.failed, when: "+" + span(entry.t), act: () => showMessage(entry.n),
      });
    }
    const lanes = data.lanes.map((lane) => lane.id).filter((lane) => rows.some((row) => row.a === lane || row.b === lane));
    sequence(host, rows, lanes, false);
  }

  // The drawer

  const drawer = document.getElementById("drawer");
  let opener = null;

  function open(...children) {
    if (drawer.hidden) opener = document.activeElement;
    drawer.replaceChildren(...children);
    drawer.hidden = false;
    drawer.scrollTop = 0;
    drawer.querySelector(".close").focus({ preventScroll: true });
  }

  function close() {
    if (drawer.hidden) return;
    drawer.hidden = true;
    drawer.replaceChildren();
    state.message = null;
    if (opener && opener.isConnected) opener.focus({ preventScroll: true });
    remember(state.person ? personFragment() : "");
  }

  function heading(name, sub) {
    return make("header", {}, make("div", {}, make("h3", {}, name), make("p", { class: "dim" }, sub)),
      make("button", { type: "button", class: "close", onclick: close }, "Close"));
  }

  function showGroup(group) {
    const items = make("ul", { class: "events" });
    const inside = group.members.filter((number) => entries.has(number));
    let shown = 0;
    const more = make("button", { type: "button", class: "close", onclick: () => extend() }, "Show more");
    const extend = () => {
      for (const number of inside.slice(shown, shown + 200)) items.append(make("li", {}, memberButton(entries.get(number))));
      shown = Math.min(inside.length, shown + 200);
      more.hidden = shown >= inside.length;
    };
    extend();
    const missing = group.members.length - inside.length;
    open(heading(group.label, `${laneNames[group.a]} → ${laneNames[group.b]}, ${plural(group.members.length, "time")} between +${span(group.first)} and +${span(group.last)}`),
      items, more, missing ? make("p", { class: "dim" }, `${plural(missing, "more")} in the JSON Lines journal.`) : null || "");
  }

  function memberButton(entry) {
    const who = peopleOf(entry.n);
    const button = eventButton(entry);
    button.children[2].textContent = who.length === 1 ? who[0] : who.length ? plural(who.length, "person", "people") : title(entry);
    return button;
  }

  let owners = null;
  function peopleOf(number) {
    if (!owners) {
      owners = new Map();
      for (const person of data.people) for (const owned of person.entries) {
        if (!owners.has(owned)) owners.set(owned, []);
        owners.get(owned).push(person.email);
      }
    }
    return owners.get(number) || [];
  }

  function showMessage(number) {
    const entry = entries.get(number);
    if (!entry) return;
    state.message = number;
    const parts = [heading(title(entry), `${idOf(number)} · ${path(entry) || "note"} · +${span(entry.t)} · ${clock(entry.t)}`), walk(number)];
    for (const violation of entry.violations || []) {
      parts.push(make("div", { class: "box violation" }, make("b", {}, `${violation.where} `), make("code", {}, violation.path),
        make("p", {}, "got ", make("code", {}, violation.got), ", wanted ", make("code", {}, violation.wanted)),
        violation.source ? make("p", { class: "dim" }, "source: " + violation.source) : null));
    }
    const who = peopleOf(number);
    const facts = make("dl", { class: "facts" });
    const tell = (name, value) => { if (value !== undefined && value !== "") facts.append(make("dt", {}, name), make("dd", {}, value)); };
    if (entry.kind === "exchange") {
      tell("contract", `${entry.contract} ${entry.operation || "(no such operation)"}`);
      tell("answer", `${answerOf(entry)} after ${span(entry.took_s)}`);
      if (entry.attempt > 1) tell("attempt", String(entry.attempt));
      tell("injected fault", entry.fault);
      tell("verdict", entry.violations ? plural(entry.violations.length, "violation") : "keeps its contract");
    }
    if (entry.kind === "fact") { tell("true at", laneNames[entry.a] || entry.vendor); tell("kind", entry.fact); tell("about", entry.subject); tell("happened", entry.happened_at); }
    if (entry.kind === "step") tell("who", entry.actor);
    if (who.length && who.length <= 6) {
      const links = make("dd");
      who.forEach((email, index) => links.append(index ? ", " : "", make("button", { type: "button", class: "link", "data-person": email }, email)));
      facts.append(make("dt", {}, "concerns"), links);
    } else if (who.length) tell("concerns", plural(who.length, "person", "people"));
    parts.push(facts);
    if (entry.kind === "exchange") parts.push(...message("Request", "request", entry), ...message("Answer", "response", entry));
    else if (entry.details) parts.push(...details(entry));
    parts.push(...causes(entry));
    open(...parts);
    remember(idOf(number));
  }

  function walk(number) {
    const story = state.person ? people.get(state.person).entries.filter((other) => entries.has(other)) : [];
    const index = story.indexOf(number);
    if (index < 0) return "";
    const to = (other, name) => make("button", { type: "button", class: "link", disabled: other === undefined, onclick: () => showMessage(other) }, name);
    const bar = make("p", { class: "dim" }, `${index + 1} of ${story.length} for ${state.person} `);
    if (index > 0) bar.append(to(story[index - 1], "← previous"), " ");
    if (index < story.length - 1) bar.append(to(story[index + 1], "next →"));
    return bar;
  }

  function message(name, side, entry) {
    const found = entry[side];
    const headers = found.headers.map((index) => data.pool[index]);
    const line = side === "request" ? `${entry.method} ${entry.url}` : answerOf(entry);
    const broken = (entry.violations || []).filter((violation) => violation.where.startsWith(side + ".body")).map((violation) => violation.path);
    const parts = [make("h4", {}, name), make("div", { class: "box" }, make("div", { class: "line1" }, line),
      headers.length ? make("details", {}, make("summary", {}, plural(headers.length, "header")), make("pre", {}, headers.join("\n"))) : null)];
    if ("json" in found) parts.push(make("div", { class: "box" }, pretty(found.json, broken)));
    else if ("text" in found) parts.push(make("div", { class: "box" }, make("pre", {}, data.pool[found.text])));
    else if ("base64" in found) parts.push(make("div", { class: "box" }, make("p", { class: "dim" }, "bytes, in base64"), make("pre", {}, found.base64)));
    return parts;
  }

  function details(entry) {
    const rest = { ...entry.details };
    const parts = [];
    if (typeof rest.html === "string") {
      // An empty sandbox: no script, no form, no navigation; the page's own policy keeps images from loading.
      parts.push(make("h4", {}, "As the person sees it"), make("iframe", { sandbox: "", srcdoc: rest.html, title: "Mail", referrerpolicy: "no-referrer" }));
      for (const [key, name] of [["html", "HTML part"], ["amp", "AMP part"]]) {
        if (typeof rest[key] === "string" && rest[key]) parts.push(make("details", {}, make("summary", {}, name), make("div", { class: "box" }, make("pre", {}, rest[key]))));
        delete rest[key];
      }
    }
    if (Object.keys(rest).length) parts.push(make("h4", {}, "Details"), make("div", { class: "box" }, pretty(rest, [])));
    return parts;
  }

  function causes(entry) {
    const chain = [];
    const seen = new Set();
    for (let number = entry.n; number && entries.has(number) && !seen.has(number);) {
      seen.add(number);
      chain.unshift(number);
      const next = (entries.get(number).causes || [])[0];
      number = next ? numberOf(next) : 0;
    }
    const item = (number) => {
      const other = entries.get(number);
      const text = `+${span(other.t)} ${path(other)}: ${title(other)}`;
      return number === entry.n ? make("li", { class: "now" }, text) : make("li", {}, make("button", { type: "button", class: "link", "data-entry": idOf(number) }, text));
    };
    const parts = [make("h4", {}, "Why it happened"), make("ul", { class: "chain" }, ...chain.map(item))];
    const further = (entry.causes || []).slice(1).map(numberOf).filter((number) => entries.has(number));
    if (further.length) parts.push(make("h4", {}, "Caused as well by"), make("ul", { class: "chain" }, ...further.slice(0, 50).map(item)));
    const after = effects.get(entry.n) || [];
    if (after.length) {
      parts.push(make("h4", {}, "What came of it"), make("ul", { class: "chain" }, ...after.slice(0, 50).map(item)));
      if (after.length > 50) parts.push(make("p", { class: "dim" }, `and ${after.length - 50} more`));
    }
    return parts;
  }

  function pretty(value, broken) {
    const pre = make("pre");
    const wrong = new Set(broken);
    const put = (text, kind) => pre.append(kind ? make("span", { class: kind }, text) : text);
    const child = (path, key) => typeof key === "number" ? `${path}[${key}]` : /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `${path}.${key}` : `${path}['${key.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}']`;
    const write = (item, path, pad) => {
      if (wrong.has(path) && (item === null || typeof item !== "object")) { pre.append(make("mark", { title: path }, JSON.stringify(item))); return; }
      if (item === null || typeof item !== "object") { put(JSON.stringify(item), typeof item === "string" ? "str" : "num"); return; }
      const isList = Array.isArray(item);
      const keys = isList ? item.map((_, index) => index) : Object.keys(item);
      const [start, end] = isList ? "[]" : "{}";
      if (wrong.has(path)) pre.append(make("mark", { title: path }, start)); else put(start);
      keys.forEach((key, index) => {
        put("\n" + pad + "  ");
        if (!isList) { put(JSON.stringify(key), "key"); put(": "); }
        write(item[key], child(path, key), pad + "  ");
        if (index < keys.length - 1) put(",");
      });
      put(keys.length ? "\n" + pad + end : end);
    };
    write(value, "$", "");
    return pre;
  }

  // Wiring

  function remember(fragment) {
    try { history.replaceState(null, "", fragment ? "#" + fragment : location.pathname + location.search); } catch { /* some browsers refuse this for local files */ }
  }

  function recall() {
    const fragment = location.hash.slice(1);
    if (/^e\d+$/.test(fragment)) showMessage(numberOf(fragment));
    else if (fragment.startsWith("person=")) {
      const [email, view] = fragment.slice(7).split("&");
      state.view = view === "sequence" ? "sequence" : "timeline";
      showPerson(decodeURIComponent(email));
      document.getElementById("people").scrollIntoView({ behavior: "instant" });
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-entry], [data-person]");
    if (target && target.dataset.entry) showMessage(numberOf(target.dataset.entry));
    else if (target && people.has(target.dataset.person)) { close(); showPerson(target.dataset.person); document.getElementById("people").scrollIntoView(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  list.addEventListener("scroll", renderList, { passive: true });
  list.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move || !state.found.length) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(state.found.length - 1, state.found.findIndex((person) => person.email === state.person) + move));
    showPerson(state.found[index].email);
    if (index * ROW < list.scrollTop) list.scrollTop = index * ROW;
    else if ((index + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (index + 1) * ROW - list.clientHeight;
    renderList();
  });
  document.getElementById("search").addEventListener("input", find);
  let resizing = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => { overview(); if (state.person) showPerson(state.person); }, 150);
  });
  if (data.left_out) document.getElementById("left-out").textContent = `${data.left_out.toLocaleString("en")} further entries are only in the JSON Lines journal.`;
  overview();
  filters();
  find();
  const asked = location.hash;
  // People with problems come first in the list; where nobody has any, the fullest story shows most.
  const first = data.people.reduce((best, person) => !best || (!best.problems && Object.keys(person.marks).length > Object.keys(best.marks).length) ? person : best, null);
  if (first) showPerson(first.email);
  if (asked) { history.replaceState(null, "", asked); recall(); }
  document.documentElement.dataset.ready = "true";
})();
