"use strict";
// Reads the overview each second. All texts become text nodes, so that none of them can become markup.
(() => {
  const EVERY_MS = 1000;
  const live = document.getElementById("live");

  function element(name, content, kind) {
    const made = document.createElement(name);
    made.className = kind || "";
    made.append(...(Array.isArray(content) ? content : [content ?? ""]));
    return made;
  }

  function row(cells, kind) {
    return element("tr", cells.map((cell) => element("td", cell)), kind);
  }

  function fill(id, rows) {
    const columns = document.querySelectorAll(`#${id}`)[0].closest("table").querySelectorAll("th").length;
    const none = element("td", "none", "soft");
    none.colSpan = columns;
    document.getElementById(id).replaceChildren(...(rows.length ? rows : [element("tr", none)]));
  }

  const short = (text) => text.replace(/^((?:key:)?.{8}).*$/, "$1");
  const day = (moment) => (moment ? moment.slice(0, 10) : "?");
  const second = (moment) => moment.replace("T", " ").replace(/\.\d+Z$/, "Z");

  function certificate(slot) {
    if (!slot) return element("span", "empty", "soft");
    const code = element("code", short(slot.fingerprint));
    code.title = slot.fingerprint;
    return [code, ` ${day(slot.not_before)} to ${day(slot.not_after)}`];
  }

  function trusted(target) {
    if (!target.trusted.length) return element("span", "nobody", "soft");
    return target.trusted.map((each) => {
      const rejected = each.rejects ? [" ", element("span", "rejects it", "tag alarm")] : [];
      return element("div", [element("code", short(each.fingerprint)), ` of ${each.issuer}`, ...rejected]);
    });
  }

  function show(found) {
    const names = new Map(found.subaccounts.map((each) => [each.guid, each.subdomain]));
    const name = (guid) => (guid ? (names.get(guid) ?? guid) : "any");
    document.getElementById("now").textContent = second(found.now);
    fill("subaccounts", found.subaccounts.map((each) =>
      row([[element("strong", each.subdomain), " ", element("span", each.guid, "soft")],
        certificate(each.slots.active), certificate(each.slots.passive)])));
    fill("targets", found.targets.map((each) => row([element("strong", each.name), each.kind, trusted(each)])));
    fill("faults", found.faults.map((each) =>
      row([element("span", each.kind, "tag alarm"), `${each.method ?? "any"} ${each.path ?? ""}`,
        name(each.subaccount), `${each.fired} of ${each.count}${each.skip ? `, after ${each.skip}` : ""}`])));
    document.getElementById("count").textContent =
      found.request_count > found.requests.length ? `the latest ${found.requests.length} of ${found.request_count}` : "";
    fill("requests", found.requests.map((each) => {
      const tags = [...(each.changed ? ["changed the slots"] : []), ...each.faults];
      return row([second(each.time), [element("strong", each.method), ` ${each.path}`],
        each.status ? String(each.status) : element("span", "no response", "alarm"),
        each.subaccount ? name(each.subaccount) : "",
        [...tags.map((tag) => element("span", tag, "tag")), each.note ?? ""]], each.changed ? "changed" : "");
    }));
  }

  async function read() {
    try {
      const response = await fetch("overview", { cache: "no-store" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      show(await response.json());
      live.textContent = "live";
      live.className = "";
    } catch (error) {
      live.textContent = `stopped: ${error.message}`;
      live.className = "stopped";
    }
    setTimeout(read, EVERY_MS);
  }

  read();
})();
