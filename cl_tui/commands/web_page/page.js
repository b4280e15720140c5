// The terminal has the focus as soon as it shows something, and whenever the window has it: no click is needed.
const focus = () => {
  if (document.body.classList.contains("-first-byte")) document.querySelector(".xterm-helper-textarea")?.focus();
};
new MutationObserver(focus).observe(document.body, { attributes: true, attributeFilter: ["class"] });
window.addEventListener("focus", focus);
