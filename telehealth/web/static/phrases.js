// Quick phrases: `/name` and a space, or a press in the menu, puts the text there; one undo takes it back.

const NAME = /(?:^|\s)\/([\p{L}\p{N}][\p{L}\p{N}_-]*)$/u;

/** @param {HTMLTextAreaElement} area */
export function putPhrases(area) {
  const texts = JSON.parse(document.getElementById("phrase-texts")?.textContent || "{}");
  const put = (text, from) => {
    if (area.readOnly) return;
    area.focus();
    area.setSelectionRange(from, area.selectionEnd);
    // The one way to write into a field that its own undo takes back. It says "input" by itself.
    if (document.execCommand("insertText", false, text)) return;
    area.setRangeText(text, from, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input"));
  };
  // Not keydown: keyboards on glass do not say which key it was.
  area.addEventListener("beforeinput", (event) => {
    if (event.data !== " " || event.isComposing || area.selectionStart !== area.selectionEnd) return;
    const typed = NAME.exec(area.value.slice(0, area.selectionStart));
    const name = typed?.[1].toLowerCase() ?? "";
    if (!typed || !Object.hasOwn(texts, name)) return;
    event.preventDefault();
    put(texts[name], area.selectionStart - typed[1].length - 1);
  });
  document.getElementById("phrases")?.addEventListener("click", (event) => {
    const name = /** @type {HTMLElement} */ (event.target).closest("[data-phrase]")?.getAttribute("data-phrase");
    if (name) put(texts[name], area.selectionStart);
  });
}
