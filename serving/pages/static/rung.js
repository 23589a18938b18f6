// Keys, times in the reader's zone, and a list that renews itself while nobody is in it.
(() => {
  const $ = (what, where = document) => where.querySelector(what);
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const zone = (root) => {
    for (const one of root.querySelectorAll("time[data-as]")) {
      const at = new Date(one.dateTime), as = one.dataset.as;
      if (isNaN(at)) continue;
      const clock = { hour: "2-digit", minute: "2-digit" }, day = { day: "numeric", month: "short" };
      one.textContent = at.toLocaleString("en-GB", as == "clock" ? clock : as == "day" ? day : { ...day, ...clock });
      one.title = at.toLocaleString();
      delete one.dataset.as;
    }
  };
  const swapped = () => {
    zone(document);
    const list = $("#rows"), bar = $("[data-renew]");
    if (bar && list && !list.contains(document.activeElement) && !list.matches(":hover")) bar.click();
  };
  const move = (by) => {
    const all = rows(), at = all.findIndex((row) => row.contains(document.activeElement));
    const row = all[Math.max(0, Math.min(all.length - 1, at + by))];
    if (row) $("a", row).focus(), row.scrollIntoView({ block: "nearest" });
  };
  let went = 0;
  document.addEventListener("keydown", (event) => {
    const key = event.key, row = document.activeElement.closest("[data-row]");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key == "Escape") for (const one of document.querySelectorAll("details.me[open], details.act[open]")) one.open = false, $("summary", one).focus();
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
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
  document.addEventListener("htmx:after:swap", swapped);
  zone(document);
})();
