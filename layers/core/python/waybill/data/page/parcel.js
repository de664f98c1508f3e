// Adds to a page that is whole without it: the reader's own time, an age that goes on, and news without a reload.
(() => {
  "use strict";
  const FIRST = 30_000;
  const LONGEST = 300_000;
  const lang = document.documentElement.lang;
  const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const dated = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const relative = new Intl.RelativeTimeFormat(lang);
  const main = () => document.querySelector("main");
  let source = main().outerHTML;
  let loaded = Date.now();
  let etag = "";
  let wait = FIRST;
  let due = 0;
  let timer = 0;

  /** Minutes east of Greenwich of a time as the parcel's zone has it, as 2026-02-28T09:12:40+08:00; NaN where it names none. */
  function offset(iso) {
    const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(iso) || [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  }

  /** The reader's time beside the parcel's, where the two differ at that moment. */
  function addTimes() {
    for (const time of main().querySelectorAll("time")) {
      const moment = new Date(time.dateTime);
      const theirs = offset(time.dateTime);
      const ours = -moment.getTimezoneOffset();
      if (Number.isNaN(theirs) || theirs === ours) continue;
      const sameDay = time.dateTime.slice(0, 10) === new Date(moment.getTime() + ours * 60_000).toISOString().slice(0, 10);
      const said = document.createElement("span");
      said.className = "yours";
      said.textContent = `${(sameDay ? clock : dated).format(moment)} ${main().dataset.yours}`;
      time.parentElement.append(" ", said);
    }
  }

  function tellAge() {
    const ago = document.getElementById("ago");
    if (!ago) return;
    const age = Number(ago.dataset.age) + (Date.now() - loaded) / 1000;
    const [length, unit] = [[86_400, "day"], [3_600, "hour"], [60, "minute"]].find(([each]) => age >= each) || [];
    ago.dataset.words ??= ago.textContent;
    ago.textContent = unit ? relative.format(-Math.floor(age / length), unit) : ago.dataset.words;
  }

  /** Put what came in the place of what is shown; a screen reader hears of another status only. */
  function show(text) {
    const came = new DOMParser().parseFromString(text, "text/html");
    const then = came.querySelector("main");
    if (!then || then.outerHTML === source) return false;
    const before = main().dataset.status;
    source = then.outerHTML;
    main().replaceWith(then);
    document.title = came.title;
    addTimes();
    if (then.dataset.status !== before) {
      const news = document.getElementById("news");
      news.textContent = news.dataset.words + then.querySelector("h1").textContent;
    }
    return true;
  }

  async function look() {
    let factor = 2;
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      const answer = await fetch(location.href, { headers, cache: "no-store", credentials: "omit" });
      if (answer.status === 304) {
        loaded = Date.now();
        factor = 1.5;
      } else if (answer.status === 200 || answer.status === 404) {
        etag = answer.headers.get("ETag") || "";
        const before = main().dataset.status;
        const text = await answer.text();
        loaded = Date.now();
        const changed = show(text);
        factor = changed && main().dataset.status !== before ? 0 : 1.5;
      }
    } catch {
      // Away for now: the page stays as it is, and asks less often.
    }
    tellAge();
    plan(wait * factor);
  }

  /** Look again after so long, while somebody looks at the page and something may still happen. */
  function plan(milliseconds) {
    wait = Math.min(Math.max(milliseconds, FIRST), LONGEST);
    due = Date.now() + wait;
    resume();
  }

  function resume() {
    clearTimeout(timer);
    if (document.hidden || "final" in main().dataset) return;
    timer = setTimeout(look, Math.max(0, due - Date.now()));
  }

  addTimes();
  tellAge();
  setInterval(tellAge, 15_000);
  document.addEventListener("visibilitychange", resume);
  plan(FIRST);
})();
