"use strict";
// Everything here is a comfort: without it the page shows all curves and all rows, and lines name themselves by title.
{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const shown = document.getElementById("shown");
  shown.hidden = false;
  shown.addEventListener("change", () => {
    const off = new Set(all("input:not(:checked)", shown).map((box) => box.value));
    for (const curve of all("[data-series]")) curve.style.display = off.has(curve.dataset.series) ? "none" : "";
  });

  const filter = document.getElementById("filter");
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase().split(/\s+/);
    for (const row of all(".filtered tbody tr")) {
      const name = row.cells[0].textContent.toLowerCase();
      row.hidden = !wanted.every((word) => name.includes(word));
    }
  });

  for (const output of all("output.tells")) {
    const figure = output.closest("figure");
    output.hidden = false;
    output.textContent = "Point at a line or tap it.";
    const choose = (event) => {
      const line = event.target.closest("[data-trial]");
      if (!line) return;
      output.textContent = line.querySelector("title").textContent;
      for (const each of all("[data-trial]", figure)) {
        each.classList.toggle("chosen", each.dataset.trial === line.dataset.trial);
      }
      figure.classList.add("choosing");
    };
    figure.addEventListener("pointerover", choose);
    figure.addEventListener("click", choose);
  }

  // On paper there is nothing to unfold: plots and provenance are printed whole, tables of numbers as they are.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details.more:not([open]), #provenance > details:not([open])");
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
}
