// The table of all pairs: shows the rows that the fields above it ask for.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("pairs-filter");
  if (!form) return;
  const MOST = 200; // rows at a time
  const text = document.getElementById("pairs-data").textContent;
  const unescaped = new DOMParser().parseFromString(text, "text/html").documentElement.textContent;
  const rows = JSON.parse(unescaped);
  const body = document.querySelector("#pairs-table tbody");
  const count = document.getElementById("pairs-count");
  const contains = (name, part) => name.toLowerCase().includes(part.trim().toLowerCase());

  const cell = (content, row, link) => {
    const td = row.insertCell();
    if (!link) { td.textContent = content; return; }
    const a = document.createElement("a");
    a.href = `families/${content}.html`;
    a.textContent = content;
    td.append(a);
  };

  const show = () => {
    const { p, q, way } = Object.fromEntries(new FormData(form));
    const found = rows.filter((r) => contains(r[0], p) && contains(r[1], q) && (!way || r[2] === way));
    count.textContent = `${found.length} pairs` + (found.length > MOST ? `, the first ${MOST} of them:` : "");
    body.replaceChildren();
    for (const pair of found.slice(0, MOST)) {
      const row = body.insertRow();
      pair.forEach((content, i) => cell(content, row, i < 2));
    }
  };
  const asked = new URLSearchParams(location.search);
  for (const name of ["p", "q", "way"]) if (asked.get(name)) form.elements[name].value = asked.get(name);
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
});
