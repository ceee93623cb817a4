// Suggests recipients while somebody types: a combobox with a list, as WAI-ARIA describes it.
"use strict";

const chooser = document.querySelector(".chooser");
const who = document.getElementById("who");
const list = document.getElementById("suggested");
const chosen = document.getElementById("chosen");
const status = chooser.querySelector("[role=status]");
let asked = 0;
let timer = 0;

function close() {
  list.hidden = true;
  list.replaceChildren();
  who.setAttribute("aria-expanded", "false");
  who.removeAttribute("aria-activedescendant");
}

function mark(option) {
  for (const each of list.children) each.setAttribute("aria-selected", String(each === option));
  who.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

// What was typed before is answered no more.
function forget() {
  clearTimeout(timer);
  asked += 1;
}

function choose(option) {
  const { key, name } = option.dataset;
  forget();
  const boxes = [...chosen.querySelectorAll("input")];
  const there = boxes.find((box) => box.value === key);
  if (there) {
    there.checked = true;
  } else {
    const item = document.createElement("li");
    const label = document.createElement("label");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", name: "recipients", value: key, checked: true });
    label.append(box, ` ${name}`);
    item.append(label);
    chosen.append(item);
  }
  who.value = "";
  close();
  status.textContent = `${name} is chosen.`;
}

function show(found) {
  close();
  const options = found.map(({ key, name }, number) => {
    const option = document.createElement("li");
    Object.assign(option, { id: `suggested-${number}`, textContent: name });
    Object.assign(option.dataset, { key, name });
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    // Before the field loses the focus.
    option.addEventListener("pointerdown", (event) => event.preventDefault());
    option.addEventListener("click", () => choose(option));
    return option;
  });
  list.replaceChildren(...options);
  list.hidden = !options.length;
  who.setAttribute("aria-expanded", String(options.length > 0));
  const count = options.length === 1 ? "1 suggestion" : `${options.length} suggestions`;
  status.textContent = options.length ? `${count}. Choose with the arrow keys.` : "No suggestions.";
}

async function ask() {
  const number = ++asked;
  if (!who.value.trim()) {
    close();
    status.textContent = "";
    return;
  }
  const address = `${chooser.dataset.suggestions}?text=${encodeURIComponent(who.value)}`;
  const answer = await fetch(address).catch(() => null);
  const usable = answer && answer.ok && !answer.redirected;
  const found = usable ? await answer.json() : [];
  // An answer that comes after a newer question is of no use.
  if (number === asked) show(found);
}

who.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, 120);
});

who.addEventListener("keydown", (event) => {
  const options = [...list.children];
  const current = options.findIndex((each) => each.id === who.getAttribute("aria-activedescendant"));
  if (event.key === "Escape") {
    forget();
    close();
  } else if (event.key === "Enter") {
    // It never sends the form from here.
    event.preventDefault();
    if (options.length) choose(options[Math.max(current, 0)]);
  } else if (options.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const next = event.key === "ArrowDown" ? current + 1 : current < 0 ? -1 : current - 1;
    mark(options.at(next % options.length));
  }
});

who.addEventListener("blur", () => {
  forget();
  close();
});
chooser.hidden = false;
