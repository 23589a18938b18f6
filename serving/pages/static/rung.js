// Keys, times in the reader's zone, and a list that renews itself while nobody is in it.
const page = document;
const $ = (what, where = page) => where.querySelector(what);
const all = (what) => [...page.querySelectorAll(what)];
const zone = () => {
  const now = new Date(), years = now.getFullYear(), full = "numeric", clock = { timeStyle: "short" }, near = { [now.toDateString()]: "Today" };
  now.setDate(now.getDate() - 1);
  near[now.toDateString()] = "Yesterday";
  for (const one of all("time[data-as]")) {
    const at = new Date(one.dateTime), as = one.dataset.as;
    if (isNaN(at)) continue;
    const day = { day: full, month: "short", year: at.getFullYear() == years ? undefined : full };
    const ways = { clock: [clock], day: [day], both: [day, clock], soon: [{ ...day, weekday: "short" }, clock], date: [{ weekday: "long" }, { day: full, month: "long", year: full }] };
    one.textContent = as == "date" && near[at.toDateString()] || (ways[as] || ways.both).map((way) => at.toLocaleString("en-GB", way)).join(", ");
    one.title = at;
    delete one.dataset.as;
  }
  // A day stands above the first entry of it.
  let above = "";
  for (const one of all(".timeline h3")) one.hidden = above == (above = one.textContent);
};
// What was not done is said where it is seen, and leaves the page as it is.
let away = "";
const tell = (...words) => {
  const said = $("#said"), text = words.map((one) => one.textContent || one).join("");
  if (!said || said.textContent == text) return;
  said.className = "note warn";
  said.setAttribute("role", "alert");
  said.replaceChildren(...words);
};
let former;
const header = (words) => {
  const fresh = $(".fresh"), live = $(".fresh .live");
  if (!live) return;
  if (!former) former = fresh.cloneNode(true);
  fresh.classList.add("stale");
  fresh.replaceChildren(live, words);
};
// Whether a page asked by itself, for news.
const polls = (event) => ((event.detail.ctx || {}).sourceElement || {}).id == "news";
// A page that renews itself closes nothing that its reader has opened.
const kept = htmx.config.morphIgnore;
let renews = false;
// Fields of a list in which something was typed.
const typed = () => all("#list :is(input, textarea)").filter((one) => one.value != one.defaultValue || one.validity.badInput);
// Where a page that has come would have had such fields and has none; of a row that is gone nothing.
const displaced = (got) => typed().flatMap((one) => {
  const row = one.closest("[data-row]"), there = row ? got.getElementById(row.id) : got;
  return there && $(`[name="${one.name}"]`, there) ? [] : [there || got.createElement("p")];
});
// A form by which something was kept has another id by now: what was filled in is not sent twice.
const emptied = (got) => {
  for (const one of all("#list [name=once]")) if (!$(`[name=once][value="${one.value}"]`, got)) one.form.reset();
};
// A filter that was not applied says again by what its list is.
const unfiltered = (event) => {
  const one = (event.detail.ctx || {}).sourceElement, is = one && one.matches("form[hx-get]");
  if (is) one.reset();
  return is;
};
const unreached = (event) => {
  header("Not reached");
  if (unfiltered(event)) tell("Rung was not reached, so the list is as it was: choose again in a moment.");
  else if (!polls(event)) tell("Rung was not reached, so this may not have been done. What you typed is still here: look again in a moment.");
};
// An answer without what the page asked for, such as an error or the login, must not empty it.
const answered = (event) => {
  renews = polls(event);
  htmx.config.morphIgnore = renews ? [...kept, "open"] : kept;
  const ctx = event.detail.ctx, to = ctx.hx && ctx.hx.reselect || ctx.select;
  if (former) $(".fresh").replaceWith(former), former = 0;
  if (ctx.response.status == 204 && away) away = "", $("#said").className = "", $("#said").replaceChildren();
  if (ctx.response.status == 204 || !to) return;
  const got = new DOMParser().parseFromString(ctx.text, "text/html"), fresh = $(".fresh", got);
  const [place] = renews && $(to, got) ? displaced(got) : [];
  if (place) {
    event.preventDefault();
    header("Not renewed");
    return tell(($(".with", place) || {}).textContent || "Changed meanwhile", ": nothing can be noted here any more. What you typed is still here: copy it, then load the page again.");
  }
  if ($(to, got)) {
    const acts = to == "#list" && ctx.sourceElement.matches("form[hx-post]");
    if (acts) ctx.sourceElement.reset();
    if (acts || renews) emptied(got);
    if (fresh && $(".fresh")) $(".fresh").replaceWith(fresh);
    return;
  }
  event.preventDefault();
  unfiltered(event);
  const isOut = new URL(ctx.response.raw.url).pathname == "/login";
  if (polls(event) && !isOut) return header("Not renewed");
  if (!isOut) return tell("That was not done. ", ($("main p:not(.code)", got) || got.body).textContent.trim());
  const link = Object.assign(page.createElement("a"), { href: "/login?next=" + encodeURIComponent(location.pathname + location.search), textContent: "Log in", target: "_blank", rel: "noopener" });
  header("Logged out");
  tell(away = "You are not logged in any more, so nothing here is renewed or kept. What you typed is still here: log in in a new tab, then go on in this one. ", link);
};
// Who was at a row is there still; but Undo, when its time is over, holds only who goes by keys.
let at = "";
const swaps = () => {
  const one = page.activeElement, row = one.closest("[data-row]");
  at = row && !one.matches(".done :not(:focus-visible)") ? row.id : "";
};
const swapped = () => {
  zone();
  const row = at && page.getElementById(at);
  if (row && page.activeElement == page.body) ($(".buttons :is(button, a)", row) || $("a, summary", row)).focus({ preventScroll: true });
  const bar = $("[data-renew]");
  if (bar && !$("#rows:hover, #rows :focus, #rows .act[open]") && !typed().length) bar.click();
};
const move = (by) => {
  const rows = all("[data-row]"), at = rows.findIndex((row) => row.contains(page.activeElement));
  const row = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
  if (row) $("a", row).focus(), row.scrollIntoView({ block: "nearest" });
};
// Whoever speaks to their machine, or is slow to leave a key, turns keys of one letter off.
let letters = true;
try { letters = localStorage.letters != "off"; } catch { /* a browser that keeps nothing */ }
for (const one of all("[data-keys]")) one.hidden = false, one.onclick = () => $("#keys").showModal();
for (const one of all("[data-letters]")) {
  one.checked = letters;
  one.onchange = () => {
    letters = one.checked;
    try { localStorage.letters = letters ? "on" : "off"; } catch { /* it holds until the next page */ }
  };
}
let went = 0;
page.addEventListener("keydown", (event) => {
  const key = event.key, rows = all("[data-row]"), row = page.activeElement.closest("[data-row]") || (rows.length == 1 && rows[0]);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key == "Escape") for (const one of all(".me[open],.act[open]")) one.open = false, $("summary", one).focus();
  if (!letters || /^(IN|TEXTA|SEL)/.test(page.activeElement.tagName)) return;
  const does = row && $(`[data-key="${key}"]`, row);
  if (Date.now() - went < 1500) {
    const link = $(`[data-go="${key}"]`);
    went = 0;
    if (link) return link.click();
  }
  if (key == "g") went = Date.now();
  else if (key == "/") $("#search").focus();
  else if (key == "?") $("#keys").showModal();
  else if (key == "j") move(1);
  else if (key == "k") move(-1);
  else if (does) does.click(), does.focus();
  else return;
  event.preventDefault();
});
// What was done changes its row; others stay where they are.
page.addEventListener("submit", (event) => {
  const next = event.target.elements.next, poll = $("#rows") && $("#news").getAttribute("hx-get");
  if (next && poll && poll.length < 2000) next.value = poll;
}, true);
page.addEventListener("htmx:after:request", answered);
page.addEventListener("htmx:before:swap", swaps);
page.addEventListener("htmx:error", unreached);
page.addEventListener("htmx:after:swap", swapped);
zone();
