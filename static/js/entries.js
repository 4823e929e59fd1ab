/** Reads entries as JSON: what `/list` answers to a query, or null if it cannot be had. */
export const readEntries = (query) =>
  fetch(`/list?${query}`, { headers: { Accept: 'application/json' } })
    .then((answer) => answer.json())
    .catch(() => null);
