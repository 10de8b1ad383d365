// Progressive enhancement: when alerts change, the part of the page that shows them is
// fetched again. Nobody is interrupted: while something in it has the focus, is open or is
// chosen to be acted on, a notice offers the change instead.
(function () {
  "use strict";
  var part = document.querySelector("[data-live]");
  if (!part || !window.EventSource || !window.fetch) { return; }
  var form = document.querySelector("[data-several]");
  var all = form && form.querySelector("[name=all]");
  var waiting = null;
  var notice = null;

  function busy() {
    return part.contains(document.activeElement)
      || part.querySelector("details[open], input:checked") !== null
      || (form !== null && (form.contains(document.activeElement) || all.checked));
  }

  function show(html) {
    var fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-live]");
    // What is shown now has yet to be read: it is not chosen because other alerts were.
    if (fresh) { part.innerHTML = fresh.innerHTML; if (all) { all.checked = false; } }
    if (notice) { notice.remove(); notice = null; }
  }

  function refresh() {
    fetch(location.href, { headers: { Accept: "text/html" } })
      .then(function (answer) { return answer.ok ? answer.text() : null; })
      .then(function (html) { if (html) { show(html); } })
      .catch(function () { /* the next change tries again */ });
  }

  function offer() {
    if (notice) { return; }
    notice = document.createElement("div");
    notice.className = "notice";
    notice.setAttribute("role", "status");
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = "Show";
    button.addEventListener("click", refresh);
    notice.append("Alerts have changed. ", button);
    part.before(notice);
  }

  function changed() {
    clearTimeout(waiting);
    waiting = setTimeout(function () { if (busy()) { offer(); } else { refresh(); } }, 1000);
  }

  // From the change on that the page knew when it was made: none is missed while it loads.
  var heard = part.dataset.live;
  var source = new EventSource("/v1/stream" + (heard ? "?after=" + heard : ""));
  ["opened", "raised", "evidence_added", "amended", "subsided", "retracted", "workflow"]
    .forEach(function (kind) { source.addEventListener(kind, changed); });
})();
