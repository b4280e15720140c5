// The terminal has the focus as soon as it shows something, and whenever the window has it: no click is needed.
const focus = () => {
  if (document.body.classList.contains("-first-byte")) document.querySelector(".xterm-helper-textarea")?.focus();
};
new MutationObserver(focus).observe(document.body, { attributes: true, attributeFilter: ["class"] });
window.addEventListener("focus", focus);

// On a phone the letters are as small as they must be for a useful number of columns, and a bar has the keys it lacks.
const COLUMNS = 62, LEAST = 8, WIDTH_OF_LETTER = 0.6;
const terminal = document.getElementById("terminal");
if (!new URLSearchParams(window.location.search).has("fontsize")) {
  const fitting = Math.floor(window.innerWidth / (COLUMNS * WIDTH_OF_LETTER));
  terminal.dataset.fontSize = String(Math.min(Number(terminal.dataset.fontSize), Math.max(fitting, LEAST)));
}
const KEYS = [["↑", "ArrowUp", 38], ["↓", "ArrowDown", 40], ["←", "ArrowLeft", 37], ["→", "ArrowRight", 39], ["⏎", "Enter", 13], ["esc", "Escape", 27], ["tab", "Tab", 9]];
if (window.matchMedia("(pointer: coarse)").matches) {
  document.body.classList.add("-touch");
  for (const [label, key, keyCode] of KEYS) {
    const button = document.createElement("button");
    button.textContent = label;
    button.addEventListener("click", () => {
      focus();
      document.querySelector(".xterm-helper-textarea")?.dispatchEvent(new KeyboardEvent("keydown", { key, code: key, keyCode, bubbles: true }));
    });
    document.querySelector(".keys").append(button);
  }
}
