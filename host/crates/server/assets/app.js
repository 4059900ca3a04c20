// Adds updates, keys and dialogs to pages that work without it.
//
// Updates: one event stream a visible tab (`/live`) says that something on this page has changed,
// at most once a second. Then the page is fetched again and merged into what is shown: only what
// differs is touched, and never what has the focus, is selected or was opened. Rows that were not
// there wait behind "n new".
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = $("main");
  const root = document.documentElement;

  // ---- settings -------------------------------------------------------------------------

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const cookies = new Map(document.cookie.split("; ").map((pair) => pair.split("=")));
  if (zone && decodeURIComponent(cookies.get("browser-zone") ?? "") !== zone) {
    document.cookie = `browser-zone=${encodeURIComponent(zone)}; path=/; SameSite=Lax; max-age=31536000`;
  }
  const keysAreOn = root.dataset.keys !== "off";

  // ---- small helps ----------------------------------------------------------------------

  function say(text) {
    $(".said")?.remove();
    const said = Object.assign(document.createElement("div"), { className: "said", textContent: text });
    said.setAttribute("role", "status");
    document.body.append(said);
    setTimeout(() => said.remove(), 4000);
  }

  const two = (n) => String(n).padStart(2, "0");
  const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

  // The same words as on the server: `12s`, `3m 04s`, `2h 05m`.
  function took(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return `${s}s`;
    if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
    return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  }

  function tick() {
    for (const it of $$("[data-since]")) {
      const text = took(Date.now() - Number(it.dataset.since));
      if (it.textContent !== text) it.textContent = text;
    }
  }
  setInterval(() => document.hidden || tick(), 1000);

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    event.preventDefault();
    let text = copy.dataset.copy;
    if (copy.dataset.copyFrom) text = await (await fetch(copy.dataset.copyFrom)).text();
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
    } catch {
      // Outside of a secure context: select it in a field of the page instead.
      const field = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      say(done ? "Copied" : "The browser refuses to copy");
    }
  });

  // ---- merging a new version of the page ------------------------------------------------

  const isBusy = (node) => {
    if (node.contains(document.activeElement) && document.activeElement !== document.body) return true;
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(node, true);
  };

  // What a person has changed is theirs.
  const KEPT = { DETAILS: ["open"], INPUT: ["checked", "value"], OPTION: ["selected"], DIALOG: ["open"] };

  function mergeAttributes(now, next) {
    const kept = KEPT[now.nodeName] ?? [];
    for (const { name, value } of next.attributes) {
      if (!kept.includes(name) && now.getAttribute(name) !== value) now.setAttribute(name, value);
    }
    for (const { name } of [...now.attributes]) {
      if (!kept.includes(name) && !next.hasAttribute(name)) now.removeAttribute(name);
    }
  }

  function merge(now, next) {
    if (now.isEqualNode(next)) return;
    if (now.nodeType !== 1) {
      now.nodeValue = next.nodeValue;
      return;
    }
    if (now.matches("textarea, select, [data-still]")) return;
    if (now.matches("[data-rows]")) {
      mergeRows(now, next);
      return;
    }
    mergeAttributes(now, next);
    mergeChildren(now, next);
  }

  // Not `node.id`: a field of this name within a form would stand in its place.
  const idOf = (node) => (node.nodeType === 1 ? (node.getAttribute("id") ?? "") : "");
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && idOf(a) === idOf(b);

  function mergeChildren(now, next) {
    let at = now.firstChild;
    for (const wanted of [...next.childNodes]) {
      let found = at;
      if (idOf(wanted)) {
        while (found && idOf(found) !== idOf(wanted)) found = found.nextSibling;
      } else {
        while (found && idOf(found)) found = found.nextSibling;
      }
      if (found && same(found, wanted)) {
        while (at && at !== found) at = drop(at);
        if (!(isBusy(found) && found.nodeType === 3)) merge(found, wanted);
        at = found.nextSibling;
      } else {
        now.insertBefore(document.importNode(wanted, true), at);
      }
    }
    while (at) at = drop(at);
  }

  function drop(node) {
    const next = node.nextSibling;
    if (node.nodeType !== 1 || !(isBusy(node) || node.matches("[data-keep]"))) node.remove();
    return next;
  }

  // Rows change where they stand. New ones are counted, not shown.
  function mergeRows(now, next) {
    const here = new Map([...now.children].map((row) => [row.id, row]));
    let added = 0;
    let above = true;
    for (const row of [...next.children]) {
      const shown = here.get(row.id);
      if (shown) {
        above = false;
        merge(shown, row);
      } else if (above) {
        added += 1;
      }
    }
    if (here.size === 0) {
      now.replaceChildren(...[...next.children].map((row) => document.importNode(row, true)));
      added = 0;
    }
    const place = $(`[data-new-for="${now.id}"]`);
    if (place && added > 0) {
      const more = added === next.children.length ? "+" : "";
      place.hidden = false;
      place.textContent = `${added}${more} new`;
    }
  }

  // ---- updates --------------------------------------------------------------------------

  const status = $("#live");
  let stream;
  let fetching = false;
  let again = false;
  let last = Date.now();

  function stale() {
    if (!status || status.classList.contains("stale")) return;
    status.classList.add("stale");
    status.textContent = `Stale since ${clock(new Date(last))}`;
  }

  function fresh() {
    last = Date.now();
    if (!status) return;
    status.classList.remove("stale");
    status.textContent = "Live";
  }

  async function refresh() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const url = location.pathname + location.search;
      const response = await fetch(url, { headers: { Accept: "text/html", "X-Live": "1" } });
      if (response.redirected && new URL(response.url).pathname === "/sign-in") {
        location.reload();
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      const next = new DOMParser().parseFromString(await response.text(), "text/html");
      if (url !== location.pathname + location.search) return;
      const fresher = $("main", next);
      if (fresher) {
        mergeChildren(main, fresher);
        main.dataset.live = fresher.dataset.live ?? "";
      }
      if (document.title !== next.title) document.title = next.title;
      fresh();
      tick();
    } catch {
      stale();
    } finally {
      fetching = false;
      if (again) {
        again = false;
        setTimeout(refresh, 1000);
      }
    }
  }

  function listen() {
    if (!main.dataset.live || stream || document.hidden) return;
    const query = new URLSearchParams({ page: location.pathname + location.search, after: main.dataset.live });
    stream = new EventSource(`/live?${query}`);
    stream.addEventListener("open", fresh);
    stream.addEventListener("changed", () => (logs ? moreLogs() : refresh()));
    stream.addEventListener("error", () => {
      stale();
      // A refused stream is not opened again by itself.
      if (stream?.readyState === EventSource.CLOSED) {
        stream = undefined;
        setTimeout(listen, 5000);
      }
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stream?.close();
      stream = undefined;
    } else if (main.dataset.live) {
      listen();
      if (logs) moreLogs();
      else refresh();
    }
  });
  addEventListener("pagehide", () => stream?.close());

  // ---- logs -----------------------------------------------------------------------------

  const logs = $("#log[data-after]");
  const waitingLines = $("#log-new");
  let held = [];

  const follows = () => logs.dataset.follow === "on";

  async function moreLogs() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const url = new URL(location.href);
      url.searchParams.set("after", logs.dataset.after);
      const response = await fetch(url, { headers: { Accept: "text/html", "X-Live": "1" } });
      if (!response.ok) throw new Error(String(response.status));
      const next = new DOMParser().parseFromString(await response.text(), "text/html");
      const more = $("#log", next);
      if (more) {
        logs.dataset.after = more.dataset.after;
        held.push(...more.children);
        if (follows()) showHeld();
        else tellHeld();
        if (more.dataset.more === "yes") again = true;
      }
      fresh();
    } catch {
      stale();
    } finally {
      fetching = false;
      if (again) {
        again = false;
        setTimeout(moreLogs, 250);
      }
    }
  }

  function tellHeld() {
    const count = held.reduce((sum, block) => sum + block.children.length, 0);
    waitingLines.textContent = `${count} new lines`;
    waitingLines.hidden = count === 0;
  }

  function showHeld() {
    logs.append(...held.map((block) => document.importNode(block, true)));
    held = [];
    tellHeld();
    const lines = $$("p", logs).length;
    if (lines > 5000) {
      for (const block of $$(".log-block", logs)) {
        if ($$("p", logs).length - block.children.length < 4000) break;
        block.remove();
      }
    }
    if (follows()) scrollTo({ top: document.body.scrollHeight });
  }

  if (logs) {
    const button = $("#log-follow");
    const set = (on) => {
      logs.dataset.follow = on ? "on" : "off";
      button?.setAttribute("aria-pressed", String(on));
      if (on) showHeld();
    };
    button?.addEventListener("click", () => set(!follows()));
    waitingLines?.addEventListener("click", () => {
      const place = logs.lastElementChild;
      showHeld();
      place?.scrollIntoView({ block: "end" });
    });
    addEventListener("wheel", (event) => event.deltaY < 0 && follows() && set(false), { passive: true });
  }

  // ---- dialogs: a confirmation is a page of its own, shown here without leaving this one --

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const response = await fetch(link.href, { headers: { Accept: "text/html" } }).catch(() => undefined);
    const page = response?.ok && new DOMParser().parseFromString(await response.text(), "text/html");
    const asked = page && $("[data-ask]", page);
    if (!asked) {
      location.href = link.href;
      return;
    }
    const dialog = document.createElement("dialog");
    dialog.append(document.importNode(asked, true));
    document.body.append(dialog);
    dialog.setAttribute("aria-labelledby", $("h1", dialog)?.id ?? "");
    dialog.addEventListener("close", () => {
      dialog.remove();
      link.focus();
    });
    dialog.addEventListener("click", (click) => {
      if (click.target === dialog || click.target.closest("[data-close]")) {
        click.preventDefault();
        dialog.close();
      }
    });
    dialog.showModal();
  });

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.sent) {
      if (form.dataset.sent) event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
  addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // ---- ticked rows ----------------------------------------------------------------------

  const bulk = $("#bulk");
  function countTicked() {
    const count = $$("input[name=id]:checked").length;
    if (!bulk) return;
    $("[data-count]", bulk).textContent = count ? `${count} ticked` : "Tick rows, or act on all that match";
    for (const button of $$("[data-needs-ticks]", bulk)) button.disabled = count === 0;
  }
  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") {
      for (const box of $$("input[name=id]")) box.checked = event.target.checked;
    }
    if (event.target.matches("input[type=checkbox]")) countTicked();
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  countTicked();

  // ---- dragging over a chart sets the time ----------------------------------------------

  // A chart says times (Unix ms) and their places (parts of the width): `data-points="t,p t,p"`.

  let drag;
  const pointsOf = (chart) => chart.dataset.points.trim().split(" ").map((pair) => pair.split(",").map(Number));

  function placeOf(event) {
    const { left, width } = drag.chart.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - left) / width, drag.points[0][1]), 1);
  }

  function timeAt(place) {
    const n = Math.max(drag.points.findIndex(([, at]) => at >= place), 1);
    const [[t0, p0], [t1, p1]] = [drag.points[n - 1], drag.points[n]];
    const ms = t0 + (p1 > p0 ? ((place - p0) / (p1 - p0)) * (t1 - t0) : 0);
    const us = Math.floor((ms - Math.floor(ms)) * 1000);
    return new Date(ms).toISOString().replace("Z", `${String(us).padStart(3, "0")}Z`);
  }

  document.addEventListener("pointerdown", (event) => {
    const chart = event.target.closest?.("svg[data-drag]");
    if (!chart || event.button) return;
    drag = { chart, points: pointsOf(chart) };
    drag.start = placeOf(event);
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [low, high] = [drag.start, placeOf(event)].sort((a, b) => a - b);
    if (!drag.brush && high - low < 0.005) return;
    if (!drag.brush) {
      drag.brush = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      drag.brush.setAttribute("class", "brush");
      drag.brush.setAttribute("height", "100%");
      drag.chart.append(drag.brush);
      drag.chart.setPointerCapture(event.pointerId);
    }
    drag.brush.setAttribute("x", `${low * 100}%`);
    drag.brush.setAttribute("width", `${(high - low) * 100}%`);
  });
  document.addEventListener("pointerup", (event) => {
    if (!drag?.brush) {
      drag = undefined;
      return;
    }
    drag.brush.remove();
    const times = [drag.start, placeOf(event)].sort((a, b) => a - b).map(timeAt);
    const url = new URL(location.href);
    drag.chart.dataset.drag.split(" ").forEach((name, n) => url.searchParams.set(name, times[n]));
    url.searchParams.delete("cursor");
    drag = undefined;
    // The click that ends a drag opens no link.
    addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
    location.href = url;
  });
  document.addEventListener("pointercancel", () => {
    drag?.brush?.remove();
    drag = undefined;
  });

  // ---- a file that is dropped -----------------------------------------------------------

  for (const place of $$("[data-drop]")) {
    const input = $("input[type=file]", place);
    place.addEventListener("dragover", (event) => event.preventDefault());
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      input.files = event.dataTransfer.files;
      place.requestSubmit();
    });
  }

  // ---- keys -----------------------------------------------------------------------------

  const GO = { d: "/", r: "/flow-runs", p: "/deployments", c: "/components", w: "/work-pools", e: "/events", s: "/settings" };
  let pending = "";

  function rows() {
    return $$("table.rows tbody tr, .tl-row");
  }

  function move(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.classList.contains("cursor"));
    const to = Math.min(Math.max(at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by, 0), all.length - 1);
    all[at]?.classList.remove("cursor");
    all[to].classList.add("cursor");
    const link = $("a", all[to]);
    link?.focus({ preventScroll: true });
    all[to].scrollIntoView({ block: "nearest" });
  }

  addEventListener("keydown", (event) => {
    if (!keysAreOn || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    if ($("dialog[open]") && event.key !== "?") return;
    const key = pending + event.key;
    pending = "";
    const does = {
      "/": () => $(".find input")?.focus(),
      j: () => move(1),
      k: () => move(-1),
      x: () => {
        const box = $("tr.cursor input[name=id]");
        if (box) {
          box.checked = !box.checked;
          countTicked();
        }
      },
      f: () => $("#log-follow")?.click(),
      n: () => $("[data-new-for]:not([hidden])")?.click(),
      "+": () => $("[data-zoom=in]")?.click(),
      "-": () => $("[data-zoom=out]")?.click(),
      0: () => $("[data-zoom=fit]")?.click(),
      "?": () => ($("#keys")?.open ? $("#keys").close() : $("#keys")?.showModal()),
    };
    if (key === "g") {
      pending = "g";
      setTimeout(() => (pending = ""), 1500);
    } else if (key.length === 2 && key[0] === "g" && GO[key[1]]) {
      location.href = GO[key[1]];
    } else if (does[key]) {
      event.preventDefault();
      does[key]();
    }
  });
  $("#keys")?.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") || event.target.id === "keys") $("#keys").close();
  });

  tick();
  fresh();
  listen();
})();
