// The few DOM helpers of this page. Text only ever goes in as text.

// el makes an element: el("p", { class: "x", onclick: f }, "text", child).
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

// setText and setData leave the document alone when nothing changed.

export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

export function setData(element, values) {
  for (const [key, value] of Object.entries(values)) {
    if (element.dataset[key] !== String(value)) element.dataset[key] = value;
  }
}

const svgSpace = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}) {
  const element = document.createElementNS(svgSpace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
