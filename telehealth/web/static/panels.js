// A key that opens and closes a panel. Escape inside closes it, and goes back to the key.

/**
 * @param {HTMLElement} key with aria-expanded and aria-controls
 * @param {() => void} [onOpen]
 * @returns {{panel: HTMLElement, isOpen(): boolean, close(): void}}
 */
export function disclosure(key, onOpen = () => {}) {
  const panel = /** @type {HTMLElement} */ (document.getElementById(key.getAttribute("aria-controls") ?? ""));
  const isOpen = () => key.getAttribute("aria-expanded") === "true";

  /** @param {boolean} open */
  function set(open) {
    key.setAttribute("aria-expanded", String(open));
    panel.hidden = !open;
    if (open) onOpen();
  }

  key.onclick = () => set(!isOpen()); // one listener, however often a call begins
  panel.onkeydown = (event) => {
    if (event.key !== "Escape") return;
    set(false);
    key.focus();
  };
  return { panel, isOpen, close: () => set(false) };
}
