// Keys, times in the reader's zone, and a list that renews itself while nobody is in it.
const page = document;
const $ = (what, where = page) => where.querySelector(what);
const all = (what) => [...page.querySelectorAll(what)];
const zone = () => {
  for (const one of all("time[data-as]")) {
    const at = new Date(one.dateTime), as = one.dataset.as;
    if (isNaN(at)) continue;
    const clock = { timeStyle: "short" }, day = { day: "numeric", month: "short" };
    one.textContent = [as != "clock" && day, as != "day" && clock].filter(Boolean).map((way) => at.toLocaleString("en-GB", way)).join(", ");
    one.title = at;
    delete one.dataset.as;
  }
};
const swapped = () => {
  zone();
  const list = $("#rows"), bar = $("[data-renew]");
  if (bar && list && !list.contains(page.activeElement) && !list.matches(":hover")) bar.click();
};
const move = (by) => {
  const rows = all("[data-row]"), at = rows.findIndex((row) => row.contains(page.activeElement));
  const row = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
  if (row) $("a", row).focus(), row.scrollIntoView({ block: "nearest" });
};
let went = 0;
page.addEventListener("keydown", (event) => {
  const key = event.key, row = page.activeElement.closest("[data-row]");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key == "Escape") for (const one of all(".me[open],.act[open]")) one.open = false, $("summary", one).focus();
  if (/^(IN|TEXTA|SEL)/.test(page.activeElement.tagName)) return;
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
page.addEventListener("htmx:after:swap", swapped);
zone();
