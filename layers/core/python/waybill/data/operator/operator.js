// The operator's page: asks GET /v1/operations with a token that stays in this tab, and draws what it says.
// Whatever the API says becomes text, never markup.
"use strict";

(() => {
  const KEY = "waybill.operator.token";
  const EVERY = 30, LONGEST = 300, LAG = 600, SAMPLES = 120;
  const LOOKED = 20;
  const BEFORE = 15 * 60_000, TRIED = 5 * 86_400_000;
  const MOVED = 1000; // by one request at most
  const SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  const dialog = $("dialog");
  let token = sessionStorage.getItem(KEY) || "";
  let wait = EVERY, timer = 0, asking = null, shownAt = 0;
  let lags = [];
  const open = new Set();

  // ---- Elements

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "on") for (const [event, does] of Object.entries(value)) element.addEventListener(event, does);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((each) => each != null && each !== false));
    return element;
  }
  const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  const number = (n) => n.toLocaleString("en");
  const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
  const from = (n, more) => (more ? `${number(n)} or more` : number(n));
  const clock = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

  function lasting(seconds) {
    if (seconds < 90) return `${Math.round(seconds)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
    return `${Math.round(seconds / 86400)} days`;
  }
  const since = (iso, now) =>
    h("time", { datetime: iso, title: clock(iso) }, `${lasting(Math.max(0, (Date.parse(now) - Date.parse(iso)) / 1000))} ago`);
  const sub = (text) => h("span", { class: "sub" }, text);
  const badge = (kind, text) => h("span", { class: `badge ${kind}` }, text);

  function say(text) {
    $("said").textContent = "";
    requestAnimationFrame(() => { $("said").textContent = text; });
  }

  // ---- Asking

  class Refused extends Error {
    constructor(status, message) {
      super(message);
      this.status = status;
    }
  }

  async function ask(method, path, body, signal) {
    const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
    if (body) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, {
        method, headers, body: body && JSON.stringify(body), signal,
        cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, "Waybill cannot be reached.");
    }
    const said = await answer.json().catch(() => null);
    if (answer.ok && said) return said;
    throw new Refused(answer.status, (said && said.error && said.error.message) || `Waybill answered ${answer.status}.`);
  }

  function enter(message) {
    stop();
    $("state").hidden = $("tools").hidden = true;
    $("state").replaceChildren();
    if (dialog.open) dialog.close();
    $("enter").hidden = false;
    $("refused").textContent = message || "";
    $("token").value = token;
    $("token").focus();
  }

  function forget(message) {
    token = "";
    lags = [];
    sessionStorage.removeItem(KEY);
    enter(message);
  }

  function stop() {
    clearTimeout(timer);
    if (asking) asking.abort();
    asking = null;
  }

  async function load() {
    stop();
    const mine = asking = new AbortController();
    $("reload").disabled = true;
    try {
      const state = await ask("GET", "operations", null, mine.signal);
      if (asking !== mine) return;
      sessionStorage.setItem(KEY, token);
      wait = EVERY;
      shownAt = Date.now();
      show(state);
      $("seen").textContent = `as of ${clock(state.now).slice(11)}`;
    } catch (error) {
      if (asking !== mine || error.name === "AbortError") return;
      if (error.status === 401) return forget("This token is not known here, or has ended.");
      if (error.status === 403) return forget("This token lacks the scope admin.");
      if (!shownAt) return enter(`${error.message} Try again.`);
      wait = Math.min(wait * 2, LONGEST);
      $("seen").textContent = `${error.message} Asked again in ${lasting(wait)}.`;
    } finally {
      $("reload").disabled = false;
      if (asking === mine) {
        asking = null;
        if (token && shownAt && !document.hidden) timer = setTimeout(load, wait * 1000);
      }
    }
  }

  // ---- What is not well

  function troubles(state) {
    const found = [];
    const wrong = (text) => found.push(["wrong", text]), look = (text) => found.push(["look", text]);
    const { upstream, refresh, attention, usage, deliveries, queues } = state;
    if (upstream.secret !== "ok") wrong("Kuaidi100’s credentials are not filled in, or cannot be read");
    if (upstream.circuit !== "closed") {
      wrong(`Kuaidi100 refuses all calls (${upstream.reason})${upstream.circuit === "probing" ? ", the next call probes it" : ""}`);
    }
    if (refresh.lag_seconds >= LAG) wrong(`refreshes are ${lasting(refresh.lag_seconds)} late`);
    for (const [name, spent] of [["today", usage.today], ["this month", usage.month]]) {
      if (spent.budget === null) continue;
      if (spent.left === 0) wrong(`the budget of ${name} is used up`);
      else if (spent.left <= spent.budget * 0.2) look(`${Math.floor(100 - 100 * spent.left / spent.budget)} % of the budget of ${name} are used`);
    }
    const recent = usage.hours.slice(-2), sum = (name) => recent.reduce((all, each) => all + each[name], 0);
    if (sum("calls") >= 5 && 2 * sum("failed") > sum("calls")) wrong(`${number(sum("failed"))} of ${plural(sum("calls"), "call")} of the last two hours failed`);
    const failed = queues.reduce((sum, each) => sum + each.failed, 0);
    if (failed) wrong(`${plural(failed, "message")} failed for good`);
    const failing = deliveries.filter((each) => each.failing_since).length, parked = deliveries.length - failing;
    if (failing) wrong(`${plural(failing, "webhook")} ${failing === 1 ? "fails" : "fail"}`);
    if (parked) look(`${plural(parked, "webhook")} with deliveries given up`);
    const ships = attention.shipments.length;
    if (ships) look(`${from(ships, attention.more)} ${ships === 1 ? "shipment needs" : "shipments need"} attention`);
    return found;
  }

  function health(state) {
    const found = troubles(state);
    const kind = found.some(([each]) => each === "wrong") ? "wrong" : found.length ? "look" : "well";
    const title = { well: "All is well", look: "Worth a look", wrong: "Not well" }[kind];
    return h("section", { class: `health ${kind}`, "aria-label": "Health" },
      h("strong", null, title),
      found.length
        ? h("ul", null, found.map(([each, text]) => h("li", { class: each }, text)))
        : h("span", null, "nothing that is watched here is late or fails."));
  }

  // ---- Figures and plots

  const tile = (title, figure, small, ...more) =>
    h("div", { class: "card tile" }, h("h2", null, title), h("p", { class: "figure" }, figure, " ", h("small", null, small)), more);

  function budget(title, name, spent) {
    if (spent.budget === null) return tile(title, number(spent.calls), "calls, no budget", h("p", { class: "quiet" }, `${number(spent.billed)} billed`));
    const used = spent.budget - spent.left, part = Math.min(1, used / spent.budget);
    const kind = spent.left === 0 ? "budget-wrong" : part >= 0.8 ? "budget-look" : "billed";
    return tile(title, number(used), `of ${number(spent.budget)}`,
      s("svg", { role: "img", "aria-label": `${Math.floor(part * 100)} % of the budget of ${name} are used`, preserveAspectRatio: "none", viewBox: "0 0 100 8" },
        s("rect", { class: "track", width: 100, height: 8 }), s("rect", { class: kind, width: part * 100, height: 8 })),
      h("p", { class: "quiet" }, `${number(spent.left)} left, ${number(spent.billed)} billed`));
  }

  function figures(state) {
    const { usage, refresh } = state;
    const failed = usage.hours.reduce((sum, each) => sum + each.failed, 0);
    const calls = usage.hours.reduce((sum, each) => sum + each.calls, 0);
    return h("div", { class: "tiles" },
      budget("Calls today", "today", usage.today),
      budget("Calls this month", "this month", usage.month),
      tile("Failed calls, 24 hours", number(failed), `of ${number(calls)}`,
        h("p", { class: failed ? "bad" : "quiet" }, calls ? `${(100 * failed / calls).toFixed(1)} %` : "no calls")),
      tile("Refresh lag", lasting(refresh.lag_seconds), "",
        h("p", { class: refresh.lag_seconds >= LAG ? "bad" : "quiet" }, refresh.due ? `${plural(refresh.due, "parcel")}${refresh.more ? " or more" : ""} due` : "no parcel is due")));
  }

  function table(caption, columns, rows, list) {
    // The roles stay what they are where a narrow window lays the rows out as cards.
    return h("table", { class: list, role: "table", "aria-label": caption },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(([name, kind]) =>
        h("th", { scope: "col", role: "columnheader", class: kind }, kind === "act" ? h("span", { class: "hide" }, name) : name)))),
      h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row" }, row.map((cell, at) =>
        h("td", { role: "cell", class: columns[at][1], "data-label": columns[at][0] }, cell && h("div", null, cell)))))));
  }

  function alternative(id, ...children) {
    return h("details", { open: open.has(id), on: { toggle: (event) => (event.target.open ? open.add(id) : open.delete(id)) } },
      h("summary", { "data-key": id }, "As a table"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table of ${id}` }, children));
  }

  /** How wide a plot is drawn in a window of one column: its letters keep their size. */
  const plotted = () => Math.max(260, $("state").clientWidth - 34 || innerWidth - 60);

  /** A round number at or above n, whose half is whole. */
  function ceiling(n) {
    const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
    return [2, 4, 6, 8, 10].map((each) => each * power).find((each) => each >= n);
  }

  function grid(top, left, width, height, name) {
    return [0, 0.5, 1].map((part) => {
      const y = 8 + height * (1 - part);
      return [s("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }), s("text", { class: "axis", x: left - 6, y: y + 4, "text-anchor": "end" }, name(top * part))];
    }).flat();
  }

  const PARTS = [["billed", "billed"], ["failed", "failed"], ["free", "neither"]];
  const swatch = (kind) => s("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" }, s("rect", { class: kind, width: 10, height: 10 }));

  function hours(all) {
    const split = (each) => ({ billed: each.billed, failed: each.failed, free: Math.max(0, each.calls - each.billed - each.failed) });
    const sums = all.map((each) => Object.values(split(each)).reduce((sum, n) => sum + n, 0));
    const top = ceiling(Math.max(...sums)), left = 40, width = innerWidth > 900 ? 760 : plotted(), height = 150, step = (width - left) / all.length;
    const bars = all.map((each, at) => {
      let y = 8 + height;
      const parts = split(each);
      return PARTS.map(([kind]) => {
        const tall = height * parts[kind] / top;
        y -= tall;
        return tall > 0 && s("rect", { class: kind, x: left + at * step + 2, y, width: step - 4, height: tall });
      });
    });
    const names = all.map((each, at) => (all.length - 1 - at) % 6 === 0 &&
      s("text", { class: "axis", x: at + 1 < all.length ? left + (at + 0.5) * step : width, y: height + 26, "text-anchor": at + 1 < all.length ? "middle" : "end" }, each.hour.slice(11, 16)));
    const total = (kind) => all.reduce((sum, each) => sum + split(each)[kind], 0);
    const text = `Calls per hour of the last 24 hours: ${number(total("billed"))} billed, ${number(total("failed"))} failed, ${number(total("free"))} neither; the most in one hour are ${number(Math.max(...sums))}.`;
    return h("section", { class: "card plot" },
      h("div", { class: "head" }, h("h2", null, "Calls per hour ", h("span", { class: "quiet" }, "UTC")),
        h("ul", { class: "legend" }, PARTS.map(([kind, name]) => h("li", null, swatch(kind), name)))),
      s("svg", { role: "img", "aria-label": text, viewBox: `0 0 ${width} ${height + 32}` }, grid(top, left, width, height, number), bars.flat().filter(Boolean), names.filter(Boolean)),
      alternative("calls per hour", table("Calls per hour", [["Hour", ""], ["Calls", "n"], ["Billed", "n"], ["Failed", "n"]],
        [...all].reverse().map((each) => [clock(each.hour), number(each.calls), number(each.billed), number(each.failed)]))));
  }

  function lag(state) {
    lags = [...lags, { at: state.now, lag: state.refresh.lag_seconds }].slice(-SAMPLES);
    const most = Math.max(...lags.map((each) => each.lag)), unit = most >= 5400 ? 3600 : most >= 90 ? 60 : 1;
    const top = ceiling(most / unit) * unit, left = 40, width = innerWidth > 900 ? 370 : plotted(), height = 150;
    const x = (at) => (lags.length < 2 ? (left + width) / 2 : left + 4 + (width - left - 8) * at / (lags.length - 1));
    const points = lags.map((each, at) => `${x(at).toFixed(1)},${(8 + height * (1 - each.lag / top)).toFixed(1)}`);
    const last = points[points.length - 1].split(",");
    return h("section", { class: "card plot" },
      h("div", { class: "head" }, h("h2", null, "Refresh lag"), h("span", { class: "quiet" }, `${{ 1: "seconds", 60: "minutes", 3600: "hours" }[unit]}, since opened`)),
      s("svg", { role: "img", "aria-label": `Refresh lag since this page was opened: ${lasting(state.refresh.lag_seconds)} now, ${lasting(most)} at most.`, viewBox: `0 0 ${width} ${height + 32}` },
        grid(top, left, width, height, (n) => number(n / unit)), s("polyline", { class: "line", points: points.join(" ") }), s("circle", { class: "dot", cx: last[0], cy: last[1], r: 3.5 })),
      alternative("refresh lag", table("Refresh lag", [["Time", ""], ["Lag", "n"]], [...lags].reverse().map((each) => [clock(each.at), lasting(each.lag)]))));
  }

  // ---- Lists

  const listed = (title, small, content, none) =>
    h("section", { class: "card" }, h("div", { class: "head" }, h("h2", null, title), small && h("span", { class: "quiet" }, small)), content || h("p", { class: "none" }, none));

  function queues(state) {
    const rows = state.queues.map((each) => [
      each.queue, number(each.waiting), number(each.in_flight),
      each.failed ? h("span", { class: "bad" }, number(each.failed)) : "0",
      each.failed ? h("button", { type: "button", "data-key": `look ${each.queue}`, "aria-label": `Look at what failed in ${each.queue}`, on: { click: () => look(each) } }, "Look at what failed…") : "",
    ]);
    const columns = [["Queue", ""], ["Waiting", "n"], ["At work", "n"], ["Failed", "n"], ["Action", "act"]];
    return listed("Queues", "as SQS counts them, about", table("Queues", columns, rows, "rows"));
  }

  function webhooks(state) {
    const many = (n) => (n >= 100 ? `${number(n)}+` : number(n));
    const kinds = { active: ["look", "active"], paused: ["look", "paused"], disabled: ["wrong", "disabled"] };
    const rows = state.deliveries.map((each) => [
      [each.url, sub(`${each.member}, ${each.webhook_id}`)],
      badge(...kinds[each.state]),
      each.failing_since ? since(each.failing_since, state.now) : "arrives again",
      many(each.waiting), many(each.parked),
      each.last_status !== null ? `HTTP ${each.last_status}` : each.last_error || "no try yet",
      h("button", { type: "button", "data-key": `replay ${each.webhook_id}`, "aria-label": `Replay events to ${each.url}`, on: { click: () => replay(each, state.now) } }, "Replay…"),
    ]);
    const columns = [["Webhook", ""], ["State", ""], ["Failing since", ""], ["Waiting", "n"], ["Given up", "n"], ["Last answer", ""], ["Action", "act"]];
    return listed("Deliveries that fail", rows.length ? plural(rows.length, "webhook") : "", rows.length && table("Deliveries that fail", columns, rows, "list"), "Everything that was to be delivered has arrived.");
  }

  function shipments(state) {
    const { shipments: all, more } = state.attention;
    const words = (text) => text.replaceAll("_", " ");
    const rows = all.map((each) => [
      [each.order_id, sub(each.member)], [each.number, sub(each.courier)],
      [badge("look", words(each.attention)), each.status !== each.attention && sub(words(each.status))], since(each.updated_at, state.now),
    ]);
    const columns = [["Order", ""], ["Parcel", ""], ["Why", ""], ["Changed", ""]];
    return listed("Shipments that need attention", rows.length ? `${from(rows.length, more)}, the latest first` : "", rows.length && table("Shipments that need attention", columns, rows, "list"), "No shipment needs attention.");
  }

  function show(state) {
    const key = document.activeElement && document.activeElement.getAttribute("data-key");
    $("state").replaceChildren(health(state), figures(state), h("div", { class: "plots" }, hours(state.usage.hours), lag(state)), webhooks(state), queues(state), shipments(state));
    $("enter").hidden = true;
    $("state").hidden = $("tools").hidden = false;
    // Whoever was on a button that was drawn anew stays on it.
    if (key && !dialog.open) $("state").querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  // ---- Dialogs

  function ponder(title, ...children) {
    const back = document.activeElement && document.activeElement.getAttribute("data-key");
    dialog.replaceChildren(h("h2", { id: "dialog-title" }, title), ...children);
    dialog.onclose = () => {
      const button = back && $("state").querySelector(`[data-key="${CSS.escape(back)}"]`);
      (button || $("reload")).focus();
    };
    if (!dialog.open) dialog.showModal();
  }
  const cancel = (text) => h("button", { type: "button", on: { click: () => dialog.close() } }, text);
  const trouble = () => h("p", { class: "bad", role: "alert" });

  /** Have something done by a button, which can be pressed once, and say what came of it. */
  async function act(button, problem, does, told) {
    button.disabled = true;
    problem.textContent = "";
    try {
      const said = told(await does());
      dialog.close();
      say(said);
      load();
    } catch (error) {
      if (error.status === 401) return forget("This token is not known here, or has ended.");
      problem.textContent = error.message;
      button.disabled = false;
    }
  }

  async function look(queue) {
    const path = `operations/queues/${encodeURIComponent(queue.queue)}`;
    ponder(`Failed in ${queue.queue}`, h("p", { role: "status" }, "Looking…"), h("div", { class: "acts" }, cancel("Close")));
    const mine = dialog.firstChild, gone = () => !dialog.open || dialog.firstChild !== mine;
    let found;
    try {
      found = await ask("GET", `${path}/failed?limit=${LOOKED}`);
    } catch (error) {
      if (error.status === 401) return forget("This token is not known here, or has ended.");
      if (gone()) return;
      return ponder(`Failed in ${queue.queue}`, h("p", { class: "bad", role: "alert" }, error.message), h("div", { class: "acts" }, cancel("Close")));
    }
    if (gone()) return;
    const list = h("ol", { tabindex: 0, "aria-label": "Failed messages" }, found.messages.map((each) =>
      h("li", null, h("span", { class: "quiet" }, `sent ${clock(each.failed_at)}`), h("pre", null, JSON.stringify(each.body, null, 1)))));
    const count = found.more ? Math.min(queue.failed, MOVED) : found.messages.length;
    const problem = trouble();
    const sure = h("button", { type: "button", class: "primary" }, `Yes, send ${number(count)} back`);
    sure.addEventListener("click", () => act(sure, problem, () => ask("POST", `${path}/redrive`, {}), (said) =>
      `${plural(said.moved, "message")} went back to ${queue.queue}${said.kept ? `, ${number(said.kept)} could not be moved and stay` : ""}.`));
    const confirm = h("div", { hidden: true },
      h("p", null, `${count === 1 ? "It is" : "They are"} done again at once. Is what made them fail mended? What fails again comes back here.`), problem,
      h("div", { class: "acts" }, cancel("No"), sure));
    const first = h("div", { class: "acts" }, cancel("Close"), found.messages.length > 0 && h("button", { type: "button", on: { click: () => {
      first.hidden = true;
      confirm.hidden = false;
      sure.focus();
    } } }, `Send ${number(count)} back…`));
    ponder(`Failed in ${queue.queue}`,
      h("p", { class: "quiet" }, found.messages.length
        ? `${found.more ? `The first ${LOOKED} of about ${number(queue.failed)}` : plural(count, "message")}, left where ${count === 1 ? "it is" : "they are"}.`
        : "There is none to be seen at the moment. Another one may be looking: try again in a minute."),
      found.messages.length > 0 && list, first, confirm);
  }

  function replay(hook, now) {
    const minute = (at) => new Date(at).toISOString().slice(0, 16);
    // What failed first happened some time before it did; what was given up had been tried for days.
    const first = hook.failing_since ? Date.parse(hook.failing_since) - BEFORE : Date.parse(now) - TRIED;
    const until = h("input", { id: "until", type: "datetime-local", required: true, value: minute(Date.parse(now) + 60000) });
    const begin = h("input", { id: "begin", type: "datetime-local", required: true, value: minute(first) });
    const problem = trouble();
    const send = h("button", { type: "submit", class: "primary" }, "Send these events again");
    const form = h("form", null,
      h("p", { class: "quiet" }, hook.url),
      h("p", null, "Events of this time are sent to it once more, as a series of their own. Events that have arrived already arrive again, with the same id.",
        hook.parked ? " What was given up is counted until its member resumes the webhook, which sends it again as well." : "",
        hook.state === "active" ? "" : ` It is ${hook.state}: they wait until its member resumes it.`),
      h("div", { class: "two" }, h("div", null, h("label", { for: "begin" }, "From (UTC)"), begin), h("div", null, h("label", { for: "until" }, "Until (UTC)"), until)),
      problem, h("div", { class: "acts" }, cancel("Cancel"), send));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const path = `operations/webhooks/${encodeURIComponent(hook.member)}/${encodeURIComponent(hook.webhook_id)}/replay`;
      act(send, problem, () => ask("POST", path, { since: `${begin.value}:00Z`, until: `${until.value}:00Z` }), (said) =>
        `Events from ${clock(said.since)} until ${clock(said.until)} are on their way again, as series ${said.replay}.`);
    });
    ponder("Replay events", form);
  }

  // ---- Beginning

  $("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    token = $("token").value.trim();
    $("refused").textContent = "";
    if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return enter("An access token has no spaces and no other characters than letters, digits and . _ ~ + / - =");
    shownAt = 0;
    load();
  });
  $("reload").addEventListener("click", load);
  $("forget").addEventListener("click", () => forget("The token is forgotten."));
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden || !token || !shownAt) return;
    const left = wait * 1000 - (Date.now() - shownAt);
    timer = setTimeout(load, Math.max(0, left));
  });
  if (token) load();
  else enter();
})();
