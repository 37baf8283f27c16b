/* timeline.js -- the run, drawn: rows are nodes or processes, bars are
 * operations, bands are faults, red is what proves the verdict.
 *
 * #data holds { nodes, end_ns, total, bin_ns, bins, faults, clocks, evidence,
 * ops }; a clock is [time, node, fault, how far off, is it off]; an op is [index, completion, process, node, type, begin, end, final,
 * session, epoch, text, error]; type 1 ok, 2 fail, 3 info; end -1: never. */
(function () {
  'use strict';
  var D = JSON.parse(document.getElementById('data').textContent);
  var canvas = document.getElementById('timeline');
  var over = document.getElementById('overview');
  var tip = document.getElementById('tip');
  var GUTTER = 64, AXIS = 24, ROW_GAP = 12, LANES_MAX = 24, ROWS_MAX = 48;
  var TYPES = ['', 'ok', 'fail', 'info'];
  var LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

  var ops = D.ops.map(function (o) {
    return { i: o[0], c: o[1], p: o[2], n: o[3], t: o[4], b: o[5], e: o[6],
      final: o[7], s: o[8], epoch: o[9], text: o[10], error: o[11] };
  });
  var byIndex = new Map();
  ops.forEach(function (o) {
    byIndex.set(o.i, o);
    if (o.c >= 0) byIndex.set(o.c, o);
  });
  var END = Math.max(D.end_ns, 1);
  D.faults.forEach(function (f) {
    if (f.end < 0) f.end = END;
    if (f.nodes.length === 0)
      D.nodes.forEach(function (name, k) {
        if (f.what.split(/[^\w-]+/).indexOf(name) >= 0) f.nodes.push(k + 1);
      });
  });

  var group = 'node', proof = [], rows = [], hits = [], tags = [];
  var view = { a: 0, b: END }, colors = {};

  /* ---- evidence and view ---- */
  function unique(indexes) {
    var seen = new Set(), list = [];
    indexes.forEach(function (i) {
      var o = byIndex.get(i);
      if (o && !seen.has(o.i)) { seen.add(o.i); list.push(o); }
    });
    return list.sort(function (x, y) { return x.b - y.b || x.i - y.i; });
  }
  function endOf(o) { return o.e >= 0 ? o.e : END; }
  function setView(a, b) {
    var span = Math.min(Math.max(b - a, 2e4), END * 1.04);
    var mid = (a + b) / 2;
    a = Math.max(-END * 0.02, Math.min(mid - span / 2, END * 1.02 - span));
    view = { a: a, b: a + span };
    draw();
  }
  function around(list) {
    if (list.length === 0) return setView(0, END);
    var a = Infinity, b = -Infinity;
    list.forEach(function (o) {
      a = Math.min(a, o.b);
      b = Math.max(b, o.e >= 0 ? o.e : o.b);
    });
    var pad = Math.max((b - a) * 0.16, 1e6);
    setView(a - pad, b + pad);
  }
  function show(indexes) {
    proof = unique(indexes);
    layout();
    around(proof);
  }
  function start() {
    if (D.evidence.length > 0) return show(D.evidence[0].ops);
    if (D.faults.length > 0) {
      var f = D.faults[0], pad = (f.end - f.begin) * 0.5 + 5e6;
      return setView(f.begin - pad, f.end + pad);
    }
    setView(0, END);
  }

  /* ---- rows and lanes ---- */
  function layout() {
    var map = new Map();
    rows = [];
    function row(key, label) {
      if (!map.has(key)) {
        map.set(key, { key: key, label: label, ends: [], lanes: 1 });
        rows.push(map.get(key));
      }
      return map.get(key);
    }
    if (group === 'node') {
      D.nodes.forEach(function (name, k) { row(k + 1, name); });
    } else {
      var seen = proof.map(function (o) { return o.p; });
      ops.forEach(function (o) { seen.push(o.p); });
      seen = Array.from(new Set(seen)).slice(0, ROWS_MAX);
      seen.sort(function (x, y) { return x - y; });
      seen.forEach(function (p) { row(p, 'p' + p); });
    }
    ops.forEach(function (o) {
      o.row = null;
      if (group === 'node') o.row = row(o.n, o.n === 0 ? 'no node' : null);
      else o.row = map.get(o.p) || null;
      if (!o.row) return;
      if (o.row.label === null) o.row.label = 'n' + o.n;
      var lane = 0, ends = o.row.ends, stop = o.e >= 0 ? o.e : o.b + 2e7;
      if (group === 'node') {
        while (lane < ends.length && ends[lane] > o.b) lane++;
        lane = lane % LANES_MAX;
        ends[lane] = stop;
      }
      o.lane = lane;
      o.row.lanes = Math.max(o.row.lanes, lane + 1);
    });
    rows = rows.filter(function (r) { return r.key !== 0 || r.ends.length; });
  }

  /* ---- drawing ---- */
  function readColors() {
    var css = getComputedStyle(document.documentElement);
    ['paper', 'card', 'ink', 'soft', 'line', 'shade', 'ok', 'fail', 'info',
      'proof', 'fault'].forEach(function (name) {
      colors[name] = css.getPropertyValue('--' + name).trim();
    });
  }
  function prepare(target, height) {
    var ratio = window.devicePixelRatio || 1, width = target.clientWidth;
    target.style.height = height + 'px';
    target.width = Math.round(width * ratio);
    target.height = Math.round(height * ratio);
    var g = target.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = '12px system-ui, "DejaVu Sans", sans-serif';
    g.textBaseline = 'middle';
    return { g: g, w: width, h: height };
  }
  function xOf(t, w) {
    return GUTTER + (t - view.a) / (view.b - view.a) * (w - GUTTER - 8);
  }
  function tOf(x, w) {
    return view.a + (x - GUTTER) / (w - GUTTER - 8) * (view.b - view.a);
  }
  function clip(g, text, width) {
    if (width < 14) return '';
    if (g.measureText(text).width <= width) return text;
    while (text.length > 1 && g.measureText(text + '\u2026').width > width)
      text = text.slice(0, -Math.max(1, text.length >> 3));
    return text.length > 1 ? text + '\u2026' : '';
  }
  function step(span) {
    var raw = span / 8, power = Math.pow(10, Math.floor(Math.log10(raw)));
    var unit = raw / power;
    return power * (unit > 5 ? 10 : unit > 2 ? 5 : unit > 1 ? 2 : 1);
  }
  function seconds(ns, gap) {
    var digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(gap / 1e9))));
    if (gap === 1e6) ns = Math.floor(ns / 1e6) * 1e6;
    return (ns / 1e9).toFixed(digits) + ' s';
  }
  function axis(c, top) {
    var gap = step(view.b - view.a), g = c.g;
    for (var t = Math.max(0, Math.ceil(view.a / gap) * gap);
      t <= Math.min(view.b, END * 1.02); t += gap) {
      var x = xOf(t, c.w);
      g.strokeStyle = colors.line;
      g.lineWidth = 1;
      g.beginPath();
      g.moveTo(x, top);
      g.lineTo(x, c.h - AXIS + 4);
      g.stroke();
      g.fillStyle = colors.soft;
      g.textAlign = 'center';
      g.fillText(seconds(t, gap), Math.min(x, c.w - 24), c.h - 9);
    }
    g.textAlign = 'left';
  }
  function faultLanes() {
    var ends = [];
    D.faults.forEach(function (f) {
      var lane = 0;
      while (lane < ends.length && ends[lane] > f.begin) lane++;
      lane = Math.min(lane, 3);
      ends[lane] = f.end;
      f.lane = lane;
    });
    return Math.max(ends.length, D.faults.length ? 1 : 0);
  }
  function drawFaults(c, bottom) {
    var g = c.g;
    D.faults.forEach(function (f) {
      var x = Math.max(GUTTER, xOf(f.begin, c.w));
      var r = Math.min(c.w - 8, xOf(f.end, c.w));
      if (r <= GUTTER || x >= c.w - 8) return;
      g.fillStyle = colors.fault;
      g.globalAlpha = 0.07;
      g.fillRect(x, f.lane * 20, r - x, bottom - f.lane * 20);
      if (group === 'node') rows.forEach(function (row) {
        if (f.nodes.indexOf(row.key) < 0) return;
        g.globalAlpha = 0.16;
        g.fillRect(x, row.y - 4, r - x, row.h + 8);
      });
      g.globalAlpha = f.held ? 0.85 : 0.3;
      g.fillRect(x, f.lane * 20, Math.max(r - x, 2), 16);
      g.globalAlpha = 1;
      g.fillStyle = colors.card;
      g.fillText(clip(g, f.fault + ': ' + f.what +
        (f.held ? '' : ' (did not take hold)'), r - x - 10), x + 6,
      f.lane * 20 + 8.5);
      hits.push({ x: x, y: f.lane * 20, w: Math.max(r - x, 2), h: 16, f: f });
    });
  }
  function drawClocks(c) {
    var g = c.g;
    if (group !== 'node') return;
    rows.forEach(function (row) {
      var own = D.clocks.filter(function (k) { return k[1] === row.key; });
      own.forEach(function (k, i) {
        var x = Math.max(GUTTER, xOf(k[0], c.w)), y = row.y - 11;
        var r = Math.min(c.w - 8, xOf(i + 1 < own.length ? own[i + 1][0] : END,
          c.w));
        if (r <= GUTTER || x >= c.w - 8 || (!k[4] && i === 0)) return;
        g.fillStyle = colors.fault;
        g.fillRect(x, y, 2, 10);
        if (k[4]) g.fillRect(x, y + 8, Math.max(r - x, 2), 2);
        g.fillText(clip(g, 'clock ' + k[3], r - x - 8), x + 5, y + 2);
        hits.push({ x: x, y: y - 3, w: Math.max(r - x, 4), h: 12, k: k });
      });
    });
  }
  function drawOps(c, laneHeight) {
    var g = c.g, set = new Set(proof);
    function one(o, isProof) {
      if (!o.row || endOf(o) < view.a || o.b > view.b) return;
      var x = xOf(o.b, c.w), r = xOf(endOf(o), c.w);
      if (r < GUTTER) return;
      x = Math.max(GUTTER, x);
      r = Math.min(c.w - 4, r);
      var y = o.row.y + o.lane * laneHeight, h = laneHeight - 3;
      var w = Math.max(r - x, isProof ? 7 : 2);
      g.fillStyle = colors[TYPES[o.t]];
      g.globalAlpha = isProof ? 1 : proof.length ? 0.5 : 0.8;
      if (o.e < 0) {
        g.globalAlpha *= 0.45;
        g.fillRect(x, y + h / 2 - 1.5, w, 3);
      } else {
        g.fillRect(x, y, w, h);
      }
      g.globalAlpha = 1;
      if (o.e >= 0 && !isProof && w > 60 && h >= 11) {
        g.fillStyle = colors.card;
        g.fillText(clip(g, o.text, w - 8), x + 4, y + h / 2 + .5);
      }
      if (isProof) {
        g.strokeStyle = colors.proof;
        g.lineWidth = 2;
        g.strokeRect(x - 2, y - 2, w + 4, h + 4);
        tags.push({ o: o, x: x, y: y, w: w, h: h });
      }
      hits.push({ x: x - 1, y: y - 1, w: w + 2, h: h + 2, o: o });
    }
    ops.forEach(function (o) { if (!set.has(o)) one(o, false); });
    proof.forEach(function (o) { one(o, true); });
  }
  /* The letters of the table, joined in the order in which they began. */
  function drawProof(c, top, bottom) {
    var g = c.g, placed = [], max = LETTERS.length;
    g.strokeStyle = colors.proof;
    g.lineWidth = 1.4;
    g.setLineDash([5, 4]);
    for (var k = 1; k < tags.length && tags.length <= 8; k++) {
      var p = tags[k - 1], q = tags[k];
      var x1 = p.x + p.w + 2, y1 = p.y + p.h / 2, x2 = q.x - 3;
      var y2 = q.y + q.h / 2, bend = Math.max(24, Math.abs(x2 - x1) / 2);
      g.beginPath();
      g.moveTo(x1, y1);
      g.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
      g.stroke();
      g.setLineDash([]);
      g.fillStyle = colors.proof;
      g.beginPath();
      g.moveTo(x2 + 1, y2);
      g.lineTo(x2 - 7, y2 - 4);
      g.lineTo(x2 - 7, y2 + 4);
      g.fill();
      g.setLineDash([5, 4]);
    }
    g.setLineDash([]);
    g.font = '600 12px system-ui, "DejaVu Sans", sans-serif';
    tags.slice(0, max).forEach(function (t) {
      var letter = LETTERS[proof.indexOf(t.o)] || '';
      var text = tags.length > 12 ? letter
        : letter + '  ' + clip(g, t.o.text,
            Math.min(280, (c.w - GUTTER) * 0.3)) +
          (t.o.t === 1 ? '' : t.o.t === 2 ? ' (failed)' : ' (unknown)');
      var w = g.measureText(text).width + 14, x, y, tries = 0;
      x = Math.max(GUTTER, Math.min(t.x - 4, c.w - w - 6));
      y = t.y - 25;
      function clash() {
        return y < top || placed.some(function (r) {
          return x < r.x + r.w && r.x < x + w && y < r.y + 21 && r.y < y + 21;
        });
      }
      while (clash() && tries < 24) {
        tries++;
        y = tries % 2 ? t.y + t.h + 6 + 23 * (tries >> 1)
          : t.y - 25 - 23 * (tries >> 1);
        y = Math.min(y, bottom - 20);
      }
      placed.push({ x: x, y: y, w: w });
      g.fillStyle = colors.card;
      g.strokeStyle = colors.proof;
      g.lineWidth = 1.5;
      g.beginPath();
      if (g.roundRect) g.roundRect(x, y, w, 19, 4);
      else g.rect(x, y, w, 19);
      g.fill();
      g.stroke();
      g.fillStyle = colors.proof;
      g.fillText(text, x + 7, y + 10);
    });
  }
  function drawRows(c) {
    rows.forEach(function (row, k) {
      if (k % 2 === 0) {
        c.g.fillStyle = colors.shade;
        c.g.globalAlpha = 0.6;
        c.g.fillRect(0, row.y - ROW_GAP / 2, c.w, row.h + ROW_GAP);
        c.g.globalAlpha = 1;
      }
      c.g.fillStyle = colors.ink;
      c.g.font = '600 13px system-ui, "DejaVu Sans", sans-serif';
      c.g.fillText(row.label, 4, row.y + row.h / 2);
      c.g.font = '12px system-ui, "DejaVu Sans", sans-serif';
    });
  }
  function draw() {
    var faultRows = faultLanes(), top = faultRows * 20 + 10, total = 0;
    rows.forEach(function (row) { total += row.lanes; });
    var laneHeight = group === 'node'
      ? Math.max(6, Math.min(16, Math.floor(520 / Math.max(total, 1))))
      : Math.max(10, Math.min(22, Math.floor(620 / Math.max(total, 1))));
    var gap = group === 'node' ? ROW_GAP + 8 + (D.clocks.length ? 8 : 0) : 4, y = top + gap / 2;
    rows.forEach(function (row) {
      row.y = y;
      row.h = Math.max(row.lanes * laneHeight - 3, group === 'node' ? 26 : 8);
      y += row.h + gap;
    });
    var c = prepare(canvas, Math.max(y + AXIS, 160));
    hits = [];
    tags = [];
    drawRows(c);
    axis(c, top - 6);
    drawFaults(c, c.h - AXIS);
    drawClocks(c);
    drawOps(c, laneHeight);
    drawProof(c, top - 4, c.h - AXIS);
    drawOverview();
  }
  function drawOverview() {
    var c = prepare(over, 58), g = c.g, most = 1, base = 46;
    var n = D.bins.ok.length, w = c.w - GUTTER - 8;
    function x(t) { return GUTTER + t / END * w; }
    D.faults.forEach(function (f) {
      g.fillStyle = colors.fault;
      g.globalAlpha = 0.25;
      g.fillRect(x(f.begin), 2, Math.max(x(f.end) - x(f.begin), 1.5), base - 2);
    });
    g.globalAlpha = 1;
    for (var k = 0; k < n; k++)
      most = Math.max(most, D.bins.ok[k] + D.bins.fail[k] + D.bins.info[k]);
    for (k = 0; k < n; k++) {
      var y = base;
      ['info', 'fail', 'ok'].forEach(function (type) {
        var h = D.bins[type][k] / most * (base - 6);
        if (h <= 0) return;
        h = Math.max(h, 1);
        g.fillStyle = colors[type];
        g.fillRect(x(k * D.bin_ns), y - h, Math.max(D.bin_ns / END * w, 1), h);
        y -= h;
      });
    }
    g.fillStyle = colors.proof;
    proof.forEach(function (o) {
      g.beginPath();
      g.moveTo(x(o.b), base + 1);
      g.lineTo(x(o.b) - 4, base + 8);
      g.lineTo(x(o.b) + 4, base + 8);
      g.fill();
    });
    g.strokeStyle = colors.ink;
    g.lineWidth = 1.5;
    g.strokeRect(x(Math.max(view.a, 0)), 1,
      Math.max(x(Math.min(view.b, END)) - x(Math.max(view.a, 0)), 3), base);
    g.fillStyle = colors.soft;
    g.fillText('whole run', 0, 18);
    g.fillText((END / 1e9).toFixed(1) + ' s', 0, 34);
  }

  /* ---- hands ---- */
  function describe(hit) {
    if (hit.k)
      return 'clock of ' + (D.nodes[hit.k[1] - 1] || 'n' + hit.k[1]) + ': ' +
        hit.k[3] + (hit.k[2] ? ' (fault #' + hit.k[2] + ')' : '') + '\n' +
        seconds(hit.k[0], 1e6);
    if (hit.f) {
      return hit.f.fault + ' #' + hit.f.id + ': ' + hit.f.what + '\n' +
        seconds(hit.f.begin, 1e6) + ' to ' + seconds(hit.f.end, 1e6) +
        (hit.f.held ? '' : '\ndid not take hold') +
        D.clocks.filter(function (k) {
          return k[2] === hit.f.id && k[0] < hit.f.end && k[4];
        }).map(function (k) {
          return '\nclock of ' + (D.nodes[k[1] - 1] || 'n' + k[1]) + ': ' + k[3];
        }).join('');
    }
    var o = hit.o, when = seconds(o.b, 1e6);
    when += o.e >= 0
      ? ' to ' + seconds(o.e, 1e6) + ' (' + ((o.e - o.b) / 1e6).toFixed(2) +
        ' ms)' : ', never answered';
    return o.text + '\n' + TYPES[o.t] + (o.error ? ': ' + o.error : '') +
      ' \u00b7 process ' + o.p + (o.n ? ' \u00b7 ' + (D.nodes[o.n - 1] ||
      'n' + o.n) : '') + (o.epoch >= 0 ? ' \u00b7 epoch ' + o.epoch : '') +
      (o.s >= 0 ? ' \u00b7 session ' + o.s : '') +
      (o.final ? ' \u00b7 final read' : '') + '\n' + when + ' \u00b7 #' + o.i;
  }
  function hover(event) {
    var box = canvas.getBoundingClientRect(), found = null;
    var x = event.clientX - box.left, y = event.clientY - box.top;
    hits.forEach(function (h) {
      if (x >= h.x && x <= h.x + h.w && y >= h.y && y <= h.y + h.h) found = h;
    });
    tip.style.display = found ? 'block' : 'none';
    if (!found) return;
    tip.textContent = describe(found);
    tip.style.left = Math.min(x + 14, box.width - tip.offsetWidth - 4) + 'px';
    tip.style.top = (canvas.offsetTop + y + 16) + 'px';
  }
  function zoom(factor, at) {
    if (at === undefined) at = (view.a + view.b) / 2;
    setView(at - (at - view.a) * factor, at + (view.b - at) * factor);
  }
  function pan(part) {
    var by = (view.b - view.a) * part;
    setView(view.a + by, view.b + by);
  }
  var drag = null;
  canvas.addEventListener('pointerdown', function (event) {
    drag = { x: event.clientX, a: view.a, b: view.b };
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add('drag');
    tip.style.display = 'none';
  });
  canvas.addEventListener('pointermove', function (event) {
    if (!drag) return hover(event);
    var by = (drag.x - event.clientX) / (canvas.clientWidth - GUTTER - 8) *
      (drag.b - drag.a);
    setView(drag.a + by, drag.b + by);
  });
  ['pointerup', 'pointercancel'].forEach(function (name) {
    canvas.addEventListener(name, function () {
      drag = null;
      canvas.classList.remove('drag');
    });
  });
  canvas.addEventListener('pointerleave', function () {
    tip.style.display = 'none';
  });
  canvas.addEventListener('wheel', function (event) {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    var box = canvas.getBoundingClientRect();
    zoom((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8,
      tOf(event.clientX - box.left, box.width));
  }, { passive: false });
  canvas.addEventListener('dblclick', function (event) {
    var box = canvas.getBoundingClientRect();
    zoom(0.4, tOf(event.clientX - box.left, box.width));
  });
  canvas.addEventListener('keydown', function (event) {
    var keys = { ArrowLeft: [pan, -0.2], ArrowRight: [pan, 0.2],
      '+': [zoom, 0.6], '=': [zoom, 0.6], '-': [zoom, 1.6] };
    if (event.key === '0') return setView(0, END);
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key][0](keys[event.key][1]);
  });
  function brush(event) {
    var box = over.getBoundingClientRect(), half = (view.b - view.a) / 2;
    var t = (event.clientX - box.left - GUTTER) / (box.width - GUTTER - 8);
    if (half > END * 0.45) half = END * 0.05;
    setView(t * END - half, t * END + half);
  }
  over.addEventListener('pointerdown', function (event) {
    over.setPointerCapture(event.pointerId);
    brush(event);
  });
  over.addEventListener('pointermove', function (event) {
    if (event.buttons) brush(event);
  });

  var actions = {
    proof: start,
    all: function () { setView(0, END); },
    'in': function () { zoom(0.6); },
    out: function () { zoom(1.6); }
  };
  function press(name) {
    group = name;
    document.querySelectorAll('[data-group]').forEach(function (b) {
      b.setAttribute('aria-pressed', String(b.dataset.group === name));
    });
    layout();
    draw();
  }
  document.addEventListener('click', function (event) {
    var at = event.target.closest('[data-act],[data-group],[data-ops]');
    if (!at) return;
    if (at.dataset.act) actions[at.dataset.act]();
    else if (at.dataset.group) press(at.dataset.group);
    else {
      var list = at.dataset.ops.split(' ').map(Number);
      if (at.dataset.set) show(list);
      else around(unique(list));
      canvas.scrollIntoView({ behavior: 'smooth', block: 'center' });
    }
  });
  window.addEventListener('resize', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change',
    function () { readColors(); draw(); });
  if (ops.length < D.total)
    document.getElementById('drawn').textContent = 'drawn: ' + ops.length +
      ' of ' + D.total + ' operations, those about the evidence; ' +
      'the strip on top counts all';
  readColors();
  layout();
  start();
}());
