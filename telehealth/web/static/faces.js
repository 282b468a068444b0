// Who is seen in a call of more than two: one large, the others small beside it.

/**
 * @param {HTMLVideoElement} large
 * @param {string} label what the small pictures are called
 * @returns {{show(people: Map<string, MediaStream>, first: (person: string) => number): void, clear(): void}} show puts
 *   whoever comes first, by that number, into the large picture
 */
export function faces(large, label) {
  const others = document.createElement("div");
  others.className = "others";
  large.after(others);
  const small = new Map();

  function put(element, stream) {
    if (element.srcObject === stream) return;
    element.srcObject = stream;
    element.play().catch(() => {}); // the page asks for a press where the browser wants one
  }

  function show(people, first) {
    const order = [...people.keys()].sort((one, other) => first(one) - first(other));
    for (const [person, element] of small) if (order.indexOf(person) < 1) (element.remove(), small.delete(person));
    order.forEach((person, place) => {
      if (place === 0) return put(large, people.get(person));
      if (!small.has(person)) {
        const element = document.createElement("video");
        element.playsInline = element.autoplay = true;
        element.dataset.participant = person;
        element.ariaLabel = label;
        if (large.sinkId) element.setSinkId(large.sinkId);
        small.set(person, element);
        others.append(element);
      }
      return put(small.get(person), people.get(person));
    });
  }

  return { show, clear: () => others.remove() };
}
