// The heat map as a grid: one stop of the tabulator, arrow keys move, Enter or a click shows what lies behind a cell.
(() => {
  const grid = document.querySelector("table.heat");
  if (!grid) return;
  const columns = grid.dataset.columns.split(",");
  const rows = [...grid.tBodies[0].rows];
  const said = document.getElementById("cell");
  const hint = said.textContent;
  const words = new WeakMap();
  const placeOf = (cell) => ({ row: rows.indexOf(cell.parentElement), column: cell.cellIndex - 1 });
  const isData = (cell) => cell && cell.tagName === "TD" && cell.cellIndex <= columns.length;
  const told = (cell) => {
    const { row, column } = placeOf(cell);
    const when = columns[column].replace("T", " ").replace("Z", " UTC");
    return `${rows[row].dataset.feature}, ${when}: ${words.get(cell) ?? cell.getAttribute("aria-label")}`;
  };

  const open = (cell) => {
    const { row, column } = placeOf(cell);
    const address = new URL(grid.dataset.address, location.href);
    address.searchParams.set("feature", rows[row].dataset.feature);
    address.searchParams.set("window", columns[column]);
    address.hash = "feature";
    location.assign(address);
  };
  let current = grid.querySelector("td[aria-selected]") || rows[0].cells[columns.length];
  current.tabIndex = 0;
  const moveTo = (cell) => {
    current.tabIndex = -1;
    current = cell;
    current.tabIndex = 0;
    if (!words.has(current)) words.set(current, current.getAttribute("aria-label"));
    current.setAttribute("aria-label", told(current));
    current.focus();
    current.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    if (!isData(cell)) return;
    const { row, column } = placeOf(cell);
    let to = null;
    if (event.key in steps) to = [row + steps[event.key][0], column + steps[event.key][1]];
    else if (event.key === "Home") to = [row, 0];
    else if (event.key === "End") to = [row, columns.length - 1];
    else if (event.key === "Enter" || event.key === " ") return event.preventDefault(), open(cell);
    if (!to) return;
    event.preventDefault();
    const next = rows[to[0]]?.cells[to[1] + 1];
    if (to[1] >= 0 && isData(next)) moveTo(next);
  });
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (isData(cell)) open(cell);
  });
  grid.addEventListener("focusin", (event) => {
    if (isData(event.target)) said.textContent = told(event.target);
  });
  grid.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("td");
    said.textContent = isData(cell) ? told(cell) : hint;
  });
  grid.addEventListener("mouseleave", () => { said.textContent = hint; });
})();
