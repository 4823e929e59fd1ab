// The colours that this browser's reader chose, before the first pixel is drawn: loaded at the head, and no module.
(() => {
  const { theme } = localStorage;
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
