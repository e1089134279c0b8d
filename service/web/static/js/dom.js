// Short names for what every view does with the document.

export const byId = (id) => document.getElementById(id);

// A new element: properties, `data` and `aria` attributes, and what it contains.
export function make(tag, { aria = {}, data = {}, ...properties } = {}, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(name === "role" ? name : `aria-${name}`, value);
  Object.assign(element.dataset, data);
  element.append(...content);
  return element;
}

// Calls `draw` once before the next picture, however often it is asked to.
export function oncePerFrame(draw) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
}
