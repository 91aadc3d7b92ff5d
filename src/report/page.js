"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const make = (name, text, cls) => {
    const node = document.createElement(name);
    if (text !== undefined) node.textContent = text;
    if (cls) node.className = cls;
    return node;
  };
  const svg = (name, attributes) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const size = (n) => {
    if (n < 10) return n + " B";
    const units = ["B", "kB", "MB", "GB", "TB"];
    let at = 0;
    while (n >= 1000 && at + 1 < units.length) { n /= 1000; at += 1; }
    return (n < 9.95 && at > 0 ? n.toFixed(1) : Math.round(n)) + " " + units[at];
  };
  const color = (text) => {
    let hash = 7;
    for (const c of text) hash = (hash * 31 + c.codePointAt(0)) % 3600;
    return `hsl(${hash / 10} 45% 38%)`;
  };
  const at = (id) => document.getElementById(id);

  for (const [name, value] of data.summary) {
    const card = make("div", undefined, "card");
    card.append(make("span", name), make("b", value));
    at("summary").append(card);
  }

  // where the bytes are
  const total = data.space.reduce((sum, part) => sum + part.bytes, 0) || 1;
  const shades = { "live": "#1a7f37", "old revisions": "#9a6700", "tombstones": "#cf222e", "overhead": "#57606a", "free": "#0969da" };
  const bar = svg("svg", { viewBox: "0 0 1000 40", role: "img", "aria-label": "What fills the file", preserveAspectRatio: "none" });
  let x = 0;
  for (const part of data.space) {
    const width = part.bytes / total * 1000;
    const rect = svg("rect", { x, y: 0, width, height: 40, fill: shades[part.name] || "#57606a" });
    rect.append(svg("title", {}));
    rect.firstChild.textContent = `${part.name}: ${size(part.bytes)}`;
    bar.append(rect);
    const key = make("span", undefined, "key");
    key.style.color = shades[part.name] || "#57606a";
    key.append(make("span", `${part.name} ${size(part.bytes)}`));
    at("parts").append(key);
    x += width;
  }
  at("space").append(bar);

  // tables that sort and filter
  const table = (place, columns, rows, limit = 200) => {
    const tools = make("div", undefined, "tools");
    const filter = make("input");
    filter.type = "search";
    filter.placeholder = "filter";
    filter.setAttribute("aria-label", "filter");
    const count = make("span", undefined, "dim");
    const all = make("button", "show all", "more");
    tools.append(filter, count, all);
    const wide = make("div", undefined, "wide"), node = make("table"), head = make("tr"), body = make("tbody");
    let order = null, shown = limit;
    const draw = () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter((word) => word);
      let list = rows.filter((row) => words.every((word) => row.join(" ").toLowerCase().includes(word)));
      if (order) {
        const [column, sign] = order;
        list = list.slice().sort((a, b) => {
          const [left, right] = [a[column], b[column]];
          return sign * (typeof left === "number" ? left - right : left < right ? -1 : left > right ? 1 : 0);
        });
      }
      count.textContent = `${list.length} of ${rows.length}`;
      all.hidden = list.length <= shown;
      body.replaceChildren(...list.slice(0, shown).map((row) => {
        const line = make("tr");
        columns.forEach(([, kind], n) => {
          const text = kind === "bytes" ? size(row[n]) : row[n];
          line.append(make("td", text, kind ? "n" : undefined));
        });
        return line;
      }));
    };
    columns.forEach(([name, kind], n) => {
      const cell = make("th", undefined, kind ? "n" : undefined), button = make("button", name);
      cell.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "descending" || (cell.getAttribute("aria-sort") === "none" && !kind);
        for (const other of head.children) other.setAttribute("aria-sort", "none");
        cell.setAttribute("aria-sort", down ? "ascending" : "descending");
        order = [n, down ? 1 : -1];
        draw();
      });
      cell.append(button);
      head.append(cell);
    });
    const top = make("thead");
    top.append(head);
    filter.addEventListener("input", draw);
    all.addEventListener("click", () => { shown = rows.length; draw(); });
    node.append(top, body);
    wide.append(node);
    at(place).append(tools, wide);
    draw();
  };

  const sum = (by) => {
    const groups = new Map();
    for (const group of data.groups) {
      const row = groups.get(group[by]) || [group[by], 0, 0, 0, 0, 0, 0];
      [group.keys, group.live, group.old, group.tombstones, group.managedFields, group.lastApplied]
        .forEach((n, i) => { row[i + 1] += n; });
      groups.set(group[by], row);
    }
    return [...groups.values()].sort((a, b) => (b[2] + b[3] + b[4]) - (a[2] + a[3] + a[4]));
  };
  const numbers = [["keys", "count"], ["live", "bytes"], ["old revisions", "bytes"], ["tombstones", "bytes"], ["managedFields", "bytes"], ["last-applied", "bytes"]];
  table("kinds", [["kind"], ...numbers], sum("kind"));
  table("namespaces", [["namespace"], ...numbers], sum("namespace"));
  table("biggest", [["object"], ["value", "bytes"], ["revisions", "count"], ["all records", "bytes"]],
    data.biggest.map((top) => [top.name, top.valueBytes, top.records, top.bytes]), 25);
  table("most", [["object"], ["revisions", "count"], ["all records", "bytes"], ["value", "bytes"]],
    data.mostRevisions.map((top) => [top.name, top.records, top.bytes, top.valueBytes]), 25);
  table("findings", [["severity"], ["code"], ["finding"], ["hint"]], data.findings);

  // the treemap: kinds, the namespaces of one, the objects of these
  const layout = (items, x, y, width, height) => {
    const boxes = [];
    let rest = items.filter((item) => item.bytes > 0).sort((a, b) => b.bytes - a.bytes);
    let left = rest.reduce((all, item) => all + item.bytes, 0);
    while (rest.length && width > 0.5 && height > 0.5) {
      const across = width >= height, side = across ? height : width, scale = width * height / left;
      let row = [], area = 0, best = Infinity;
      for (const item of rest) {
        const next = area + item.bytes * scale, thick = next / side;
        const worst = Math.max(...[...row, item].map((one) => {
          const long = one.bytes * scale / thick;
          return Math.max(long / thick, thick / long);
        }));
        if (worst > best) break;
        row.push(item);
        area = next;
        best = worst;
      }
      const thick = area / side;
      let along = 0;
      for (const item of row) {
        const long = item.bytes * scale / thick;
        boxes.push(across ? { item, x, y: y + along, width: thick, height: long } : { item, x: x + along, y, width: long, height: thick });
        along += long;
        left -= item.bytes;
      }
      if (across) { x += thick; width -= thick; } else { y += thick; height -= thick; }
      rest = rest.slice(row.length);
    }
    return boxes;
  };
  const bytes = (group) => group.live + group.old + group.tombstones;
  const level = (path) => {
    if (path.length === 2) {
      const objects = data.biggest.filter((top) => top.name.startsWith(path[0] + "/") &&
        (path[1] === "-" ? !top.name.includes(" -n ") : top.name.endsWith(" -n " + path[1])));
      const items = objects.map((top) => ({ name: top.name.slice(path[0].length + 1).replace(/ -n .*/, ""), bytes: top.bytes }));
      const all = data.groups.find((group) => group.kind === path[0] && group.namespace === path[1]);
      const others = bytes(all) - items.reduce((n, item) => n + item.bytes, 0);
      return others > 0 ? [...items, { name: items.length ? "smaller ones" : "all of them", bytes: others }] : items;
    }
    const by = path.length ? "namespace" : "kind", found = new Map();
    for (const group of data.groups) {
      if (!path.length || group.kind === path[0]) found.set(group[by], (found.get(group[by]) || 0) + bytes(group));
    }
    return [...found].map(([name, n]) => ({ name, bytes: n }));
  };
  const map = (path) => {
    const narrow = window.innerWidth < 640, [width, height] = narrow ? [400, 480] : [1000, 480];
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Bytes by kind, namespace and object" });
    for (const box of layout(level(path), 0, 0, width, height)) {
      const next = [...path, box.item.name], open = path.length < 2;
      const group = svg("g", open ? { role: "button", tabindex: 0, "data-name": box.item.name } : { "data-name": box.item.name });
      const rect = svg("rect", { x: box.x, y: box.y, width: box.width, height: box.height, fill: color(path.length ? next.join("/") : box.item.name) });
      const title = svg("title", {});
      title.textContent = `${box.item.name}: ${size(box.item.bytes)}`;
      rect.append(title);
      group.append(rect);
      const letters = Math.floor(box.width / 7) - 1;
      if (box.height > 16 && letters > 3) {
        const label = svg("text", { x: box.x + 4, y: box.y + 14 });
        label.textContent = box.item.name.length > letters ? box.item.name.slice(0, letters - 1) + "\u2026" : box.item.name;
        group.append(label);
        if (box.height > 32 && box.width > 52) {
          const number = svg("text", { x: box.x + 4, y: box.y + 29 });
          number.textContent = size(box.item.bytes);
          group.append(number);
        }
      }
      if (open) {
        group.addEventListener("click", () => map(next));
        group.addEventListener("keydown", (event) => { if (event.key === "Enter") map(next); });
      }
      picture.append(group);
    }
    at("map").replaceChildren(picture);
    const way = [make("button", "all kinds")];
    way[0].addEventListener("click", () => map([]));
    path.forEach((name, n) => {
      const button = make("button", name);
      button.addEventListener("click", () => map(path.slice(0, n + 1)));
      way.push(button);
    });
    at("way").replaceChildren(...way);
  };
  map([]);

  // what changed
  const chart = data.minutes;
  if (chart.length) {
    const most = Math.max(...chart.map((minute) => minute[1] + minute[2] + minute[3])) || 1;
    const width = 1000 / chart.length;
    const picture = svg("svg", { viewBox: "0 0 1000 120", role: "img", "aria-label": "Changes by minute" });
    chart.forEach(([time, ...counts], n) => {
      let y = 100;
      const group = svg("g", {}), title = svg("title", {});
      title.textContent = `${time}: ${counts[0]} created, ${counts[1]} updated, ${counts[2]} deleted`;
      group.append(title);
      counts.forEach((count, verb) => {
        const height = count / most * 95;
        y -= height;
        group.append(svg("rect", { x: n * width, y, width: Math.max(width - 1, 0.5), height, fill: ["#1a7f37", "#0969da", "#cf222e"][verb] }));
      });
      picture.append(group);
    });
    for (const [n, anchor] of [[0, "start"], [chart.length - 1, "end"]]) {
      const label = svg("text", { x: n ? 1000 : 0, y: 116, "text-anchor": anchor, class: "axis" });
      label.textContent = chart[n][0];
      picture.append(label);
    }
    at("chart").append(picture);
  }
  table("changes", [["revision", "count"], ["time"], ["verb"], ["object"], ["namespace"], ["program"], ["within"]], data.changes, 100);
})();
