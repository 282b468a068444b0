// Who is seen in a call of more than two: one large, the others small beside it.

/**
 * @param {HTMLVideoElement} large
 * @param {(person: string) => {label: string, caption?: string}} nameOf what a small picture is called, and what stands
 *   under it, for a device
 * @returns {{show(people: Map<string, MediaStream>, first: (person: string) => number): void, clear(): void}} show puts
 *   whoever comes first, by that number, into the large picture
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

  /** @param {HTMLVideoElement} element */
  function tile(element, { label, caption = "" }) {
    const figure = document.createElement("figure");
    const words = document.createElement("figcaption");
    element.ariaLabel = label;
    words.textContent = caption;
    words.hidden = !caption;
    figure.append(element, words);
    return figure;
  }

  function show(people, first) {
    const order = [...people.keys()].sort((one, other) => first(one) - first(other));
    for (const [person, element] of small) if (order.indexOf(person) < 1) (element.parentElement?.remove(), small.delete(person));
    order.forEach((person, place) => {
      if (place === 0) return put(large, people.get(person));
      if (!small.has(person)) {
        const element = document.createElement("video");
        element.playsInline = element.autoplay = true;
        element.dataset.participant = person;
        if (large.sinkId) element.setSinkId(large.sinkId);
        small.set(person, element);
        others.append(tile(element, nameOf(person)));
      }
      return put(small.get(person), people.get(person));
    });
  }

  return { show, clear: () => others.remove() };
}
