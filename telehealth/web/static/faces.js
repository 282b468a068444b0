// Who is seen in a call of more than two: one large, the others small beside it.

/**
 * @param {HTMLVideoElement} large
 * @param {(person: string) => {label: string, caption?: string}} nameOf what a small picture is called, and what stands
 *   under it now
 * @returns {{show(people: Map<string, MediaStream>, first: (person: string) => number): string|undefined, clear(): void}}
 *   show puts whoever comes first, by that number, into the large picture, and answers who that is
 */
export function faces(large, nameOf) {
  const others = document.createElement("div");
  others.className = "others";
  large.after(others);
  const small = new Map();

  function put(element, stream) {
    if (element.srcObject === stream) return;
    element.srcObject = stream;
    element.play().catch(() => {}); // the page asks for a press where the browser wants one
  }

  function made(person) {
    const figure = document.createElement("figure");
    const element = document.createElement("video");
    const words = document.createElement("figcaption");
    element.playsInline = element.autoplay = true;
    element.dataset.participant = person;
    if (large.sinkId) element.setSinkId(large.sinkId);
    figure.append(element, words);
    others.append(figure);
    return { figure, element, words };
  }

  function name({ element, words }, { label, caption = "" }) {
    if (element.ariaLabel !== label) element.ariaLabel = label;
    if (words.textContent !== caption) words.textContent = caption;
    words.hidden = !caption;
  }

  function show(people, first) {
    const order = [...people.keys()].sort((one, other) => first(one) - first(other));
    for (const [person, { figure }] of small) if (order.indexOf(person) < 1) (figure.remove(), small.delete(person));
    order.forEach((person, place) => {
      if (place === 0) return put(large, people.get(person));
      if (!small.has(person)) small.set(person, made(person));
      name(small.get(person), nameOf(person));
      return put(small.get(person).element, people.get(person));
    });
    return order[0];
  }

  return { show, clear: () => others.remove() };
}
