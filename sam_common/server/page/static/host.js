// Where the page is shown: in a tab of its own, or where `window.pageHost` was set before its
// modules were loaded, as an output of a notebook does (`sam_common/notebook/explorer.js`).

const tab = {
  /** Send a request; as `fetch`. */
  send: (path, options) => fetch(path, options),
  /** The address under which a file of the page can be loaded. */
  address: async (path) => path,
  /** What is remembered when the page is loaded anew. */
  get memory() { return sessionStorage; },
  reload: () => location.reload(),
  lost: "The server does not answer. Was its window closed, or Ctrl-C pressed? Start the command " +
    "again, and open the address that it prints.",
};

export const host = window.pageHost ?? tab;
