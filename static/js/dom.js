/** The first element that a selector finds, or null. */
export const find = (selector, root = document) => root.querySelector(selector);

/** All elements that a selector finds. */
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
