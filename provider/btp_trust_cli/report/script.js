"use strict";
// Filter and sort. Without this script everything is shown, by urgency.
(() => {
  const controls = document.getElementById("controls");
  const list = document.getElementById("rows");
  const rows = Array.from(list.children);
  const words = document.getElementById("words");
  const sort = document.getElementById("sort");
  const stack = document.getElementById("stack");
  const states = Array.from(controls.querySelectorAll("input[name=state]"));

  function fits(row, wanted, chosen) {
    const isInStack = !stack || stack.value === "" || row.dataset.stack === stack.value;
    return isInStack && chosen.has(row.dataset.state) && wanted.every((word) => row.dataset.words.includes(word));
  }

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(states.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !fits(row, wanted, chosen);
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("shown").textContent = `${shown} of ${rows.length} shown`;
    document.getElementById("nothing").hidden = shown > 0;
  }

  function compare(one, other) {
    const key = sort.value;
    const byKey = key === "rank" ? 0 : one.dataset[key].localeCompare(other.dataset[key]);
    return byKey || Number(one.dataset.rank) - Number(other.dataset.rank);
  }

  function arrange() {
    list.append(...rows.sort(compare));
  }

  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", filter);
  sort.addEventListener("change", arrange);
  // A browser may have kept the fields of an earlier visit.
  arrange();
  filter();
})();
