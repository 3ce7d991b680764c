"use strict";
const find = document.getElementById("find");
const rows = [...document.querySelectorAll("[data-words]")];
const groups = [...document.querySelectorAll("[data-group]")];
find.addEventListener("input", () => {
  const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !wanted.every((word) => row.dataset.words.includes(word));
  for (const group of groups) group.hidden = !group.querySelector("[data-words]:not([hidden])");
  const left = document.querySelectorAll("details[data-words]:not([hidden])").length;
  document.getElementById("found").textContent = wanted.length ? left + " routes" : "";
});
const open = () => {
  const aim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (aim instanceof HTMLDetailsElement) aim.open = true;
};
addEventListener("hashchange", open);
if (matchMedia("(max-width: 59.99rem)").matches) document.querySelector(".menu").open = false;
open();
