(() => {
  'use strict';
  const root = document.documentElement;
  const id = (name) => document.getElementById(name);
  const all = (query, from) => [...(from || document).querySelectorAll(query)];
  const make = (tag, words, className) => {
    const element = document.createElement(tag);
    if (words !== undefined) element.textContent = words;
    if (className) element.className = className;
    return element;
  };

  // Light and dark: the system decides until the button does.
  const theme = id('theme');
  const dark = () => (root.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  const nameTheme = () => { theme.textContent = dark() ? 'Light' : 'Dark'; };
  theme.hidden = false;
  nameTheme();
  theme.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; nameTheme(); });
  id('print').hidden = false;
  id('print').addEventListener('click', () => print());

  // Print opens every finding; browsers that know ::details-content do it from the style sheet alone.
  let closed = [];
  addEventListener('beforeprint', () => { closed = all('.find details:not([open])'); closed.forEach((d) => { d.open = true; }); });
  addEventListener('afterprint', () => { closed.forEach((d) => { d.open = false; }); });

  // A link to a finding opens it, whatever the filter hides.
  const follow = () => {
    // Ids are small letters, digits and hyphens; what stands in a link may be anything, so nothing of it is decoded.
    const target = location.hash.length > 1 && id(location.hash.slice(1).toLowerCase());
    if (!target) return;
    for (let d = target.closest('details'); d; d = d.parentElement.closest('details')) {
      if (d.hidden) show({});
      d.open = true;
    }
    target.scrollIntoView();
  };

  // Codes of findings in the frameworks stand as words in the page; the links, five hundred of them, are made here.
  for (const cell of all('td.code')) {
    const words = cell.firstChild.data || '';
    const parts = words.split(/([A-Z]{3}-\d{3})/).map((word, at) => {
      if (at % 2 === 0) return word;
      const a = make('a', word);
      a.href = '#guest-' + word.toLowerCase();
      return a;
    });
    cell.firstChild.replaceWith(...parts);
  }

  // Findings: outcome, severity, area, framework, words.
  const filters = id('filters');
  const cards = all('#findings .find > details');
  const picks = { severity: id('f-severity'), area: id('f-area'), framework: id('f-framework') };
  const text = id('f-text');
  let outcome = '';
  const folded = new Map();
  const wordsOf = (card) => {
    if (!folded.has(card)) folded.set(card, card.textContent.toLowerCase());
    return folded.get(card);
  };
  const apply = () => {
    const want = text.value.trim().toLowerCase();
    let count = 0;
    for (const card of cards) {
      const data = card.dataset;
      const fits = (!outcome || data.outcome === outcome)
        && (!picks.severity.value || data.severity === picks.severity.value)
        && (!picks.area.value || data.area === picks.area.value)
        && (!picks.framework || !picks.framework.value || data.frameworks.split(' ').includes(picks.framework.value))
        && (!want || wordsOf(card).includes(want));
      card.hidden = !fits;
      count += fits ? 1 : 0;
    }
    id('f-clear').hidden = count === cards.length;
    id('f-shown').textContent = count === cards.length ? count + ' findings' : count + ' of ' + cards.length + ' findings';
  };
  const show = (state) => {
    outcome = state.outcome || '';
    for (const b of all('[data-outcome]', filters)) b.setAttribute('aria-pressed', String(b.dataset.outcome === outcome));
    if (!state.keep) {
      for (const pick of Object.values(picks)) if (pick) pick.value = '';
      text.value = '';
    }
    apply();
  };
  filters.hidden = false;
  id('f-clear').addEventListener('click', () => { show({}); text.focus(); });
  filters.addEventListener('submit', (e) => e.preventDefault());
  filters.addEventListener('click', (e) => {
    const b = e.target.closest('button[data-outcome]');
    if (b) show({ outcome: b.dataset.outcome, keep: true });
  });
  for (const pick of Object.values(picks)) if (pick) pick.addEventListener('change', apply);
  text.addEventListener('input', apply);
  apply();

  // Texts to copy, the queries among them, whose lines stand once in the page.
  const copy = async (b, text) => {
    let done = false;
    try {
      await navigator.clipboard.writeText(text.textContent);
      done = true;
    } catch {
      // A page opened from disk may be refused the clipboard; the text is selected instead.
      const range = document.createRange();
      range.selectNodeContents(text);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
    }
    b.firstChild.data = done ? 'Copied' : 'Selected';
    setTimeout(() => { b.firstChild.data = 'Copy'; }, 1600);
  };
  const copyable = (pre) => {
    const box = make('div', undefined, 'copies');
    const b = make('button', 'Copy');
    b.type = 'button';
    b.addEventListener('click', () => copy(b, pre));
    const details = pre.closest('details');
    const label = pre.dataset.what + (details ? ' for ' + details.id.toUpperCase() : '');
    b.append(make('span', ' ' + label, 'vh'));
    pre.tabIndex = 0;
    pre.setAttribute('role', 'group');
    pre.setAttribute('aria-label', label);
    pre.replaceWith(box);
    box.append(pre, b);
  };
  for (const pre of all('.copy')) copyable(pre);
  const fillQueries = (queries) => {
    for (const place of all('.query')) {
      const pre = make('pre', queries.hunts[place.dataset.hunt].map((n) => queries.lines[n]).join('\n'), 'copy');
      pre.dataset.what = 'KQL';
      place.replaceChildren(pre);
      copyable(pre);
    }
  };
  if (id('queries')) fillQueries(JSON.parse(id('queries').textContent));

  // The section in view, in the list of sections.
  const links = new Map(all('nav a').map((a) => [a.getAttribute('href').slice(1), a]));
  if ('IntersectionObserver' in window) {
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const e of entries) { if (e.isIntersecting) seen.add(e.target.id); else seen.delete(e.target.id); }
      const last = [...links.keys()].reverse().find((k) => seen.has(k));
      if (!last) return;
      for (const [k, a] of links) { if (k === last) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current'); }
    }, { rootMargin: '0px 0px -60% 0px' });
    for (const k of links.keys()) { const s = id(k); if (s) watch.observe(s); }
  }

  // Guests: columns from the page (packed.py made them), a real table of fifty rows.
  const SIZE = 50;
  const DAY = 86400000;
  const SIGNS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%:()*+-;,=.?@^_`{|}~';
  const bytesOf = (packed) => {
    const digits = new Uint8Array(128);
    for (let i = 0; i < 85; i++) digits[SIGNS.charCodeAt(i)] = i;
    const view = new DataView(new ArrayBuffer(4 * Math.ceil(packed.length / 5)));
    const filled = packed + '~~~~';
    for (let i = 0, at = 0; i < packed.length; i += 5, at += 4) {
      let n = 0;
      for (let k = i; k < i + 5; k++) n = n * 85 + digits[filled.charCodeAt(k)];
      view.setUint32(at, n);
    }
    return new Uint8Array(view.buffer, 0, Math.floor(packed.length * 4 / 5));
  };
  const codes = (column) => Array.from(column, (c) => c.charCodeAt(0) - 48);
  const unfold = (data) => {
    for (const k of 'ndsrfpi') data[k] = codes(data[k]);
    for (const k of 'cvlgb') {
      let sum = 0;
      const words = data[k.toUpperCase()].map((n) => (typeof n === 'number' ? (sum += n) : n));
      data[k] = codes(data[k]).map((at) => words[at]);
    }
    data.n = data.n.map((at, i) => (data.o[i] ? data.N[at] + ' ' + data.o[i] : data.N[at]));
    data.m = data.m.map((mail, i) => {
      if (mail[0] === '@') return mail.slice(1);
      const words = data.n[i].split(' ');
      return mail.replace(/[\x7f-\x81]/g, (sign) => words[sign.charCodeAt(0) - 127].toLowerCase()) + '@' + data.D[data.d[i]];
    });
    return data;
  };
  const unpack = async (element) => {
    let bytes = bytesOf(element.textContent);
    if (element.dataset.packed === 'gzip') {
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
      bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    }
    return unfold(JSON.parse(new TextDecoder().decode(bytes)));
  };
  const date = (day) => new Date(day * DAY).toISOString().slice(0, 10);

  const guests = (data) => {
    const table = id('list');
    const body = table.tBodies[0];
    const count = data.n.length;
    const idOf = (i) => data.id[i] || '';
    const word = (list, at) => (list[at] === null ? 'not read' : list[at]);
    const pending = (i) => data.S[data.s[i]] === 'PendingAcceptance';
    const known = (n) => (typeof n === 'number' ? n : null);
    const lastSeen = (i) => (data.l[i] === null ? 'no record' : known(data.l[i]) === null ? data.l[i] : date(data.l[i]));
    const lower = new Array(count);
    const search = (i) => lower[i] || (lower[i] = [data.n[i], data.m[i], word(data.P, data.p[i]), word(data.P, data.i[i]), word(data.R, data.r[i]), idOf(i)].join('\n').toLowerCase());

    const cell = (row, className) => {
      const td = row.insertCell();
      if (className) td.className = className;
      return td;
    };
    const address = (words) => {
      const holder = make('span', undefined, 'm block');
      const whole = holder.appendChild(make('bdi'));
      for (const part of words.match(/[^@._-]*[@._-]?/g)) whole.append(part, make('wbr'));
      return holder;
    };
    const draw = (i) => {
      const row = make('tr');
      const head = make('th');
      head.scope = 'row';
      if (idOf(i)) head.title = idOf(i);
      head.append(make('bdi', data.n[i]), address(data.m[i]));
      row.append(head);
      const state = cell(row);
      if (pending(i)) {
        state.append(make('span', 'Pending', 'tag s-medium'));
        if (data.v[i] !== null) state.append(make('span', 'since ' + date(data.c[i] + data.v[i]), 'm block nb'));
      } else state.append(make('bdi', data.S[data.s[i]] || 'not invited'));
      if (data.b[i]) state.append(make('span', 'sign-in blocked', 'm block'));
      cell(row, 'nb').textContent = data.c[i] === null ? '–' : date(data.c[i]);
      cell(row, 'nb').textContent = lastSeen(i);
      const sponsor = cell(row);
      sponsor.append(make('bdi', word(data.P, data.p[i]) || 'none'));
      if (data.P[data.i[i]]) { const by = make('span', 'invited by ', 'm block'); by.append(make('bdi', data.P[data.i[i]])); sponsor.append(by); }
      cell(row, 'num').textContent = data.g[i] === null ? 'not read' : String(data.g[i]);
      cell(row).append(make('bdi', word(data.R, data.r[i]) || '–'));
      const found = cell(row, 'codes');
      const named = data.F[data.f[i]];
      named.forEach((code, at) => {
        const a = make('a', code.replace('GUEST-', ''));
        a.href = '#' + code.toLowerCase();
        found.append(a, at + 1 < named.length ? ', ' : '');
      });
      if (!named.length) found.textContent = '–';
      return row;
    };
    // What each heading sorts by: words by the alphabet, numbers and days by size, nothing known last.
    const collate = new Intl.Collator(undefined, { sensitivity: 'base', numeric: true });
    const keys = {
      n: (i) => data.n[i],
      s: (i) => data.S[data.s[i]],
      c: (i) => data.c[i],
      l: (i) => known(data.l[i]),
      p: (i) => word(data.P, data.p[i]),
      g: (i) => data.g[i],
      r: (i) => word(data.R, data.r[i]),
      f: (i) => data.F[data.f[i]].length,
    };
    const compare = (a, b) => {
      if (a === null || a === '') return b === null || b === '' ? 0 : 1;
      if (b === null || b === '') return -1;
      return typeof a === 'number' ? a - b : collate.compare(a, b);
    };

    const form = id('people-filters');
    const box = { text: id('q'), state: id('q-state'), domain: id('q-domain'), role: id('q-role'), finding: id('q-finding') };
    const fill = (select, entries) => { for (const [value, label] of entries) { const o = make('option', label); o.value = value; select.append(o); } };
    const counts = (list, of) => {
      const n = new Array(list.length).fill(0);
      for (let i = 0; i < count; i++) n[of(i)]++;
      return list.map((label, at) => [at, label, n[at]]).sort((x, y) => y[2] - x[2] || collate.compare(x[1], y[1]));
    };
    fill(box.state, counts(data.S, (i) => data.s[i]).map(([at, label, n]) => [at, (label === 'PendingAcceptance' ? 'Pending' : label || 'not invited') + ' (' + n + ')']));
    fill(box.domain, counts(data.D, (i) => data.d[i]).slice(0, 200).map(([at, label, n]) => [at, (label || 'unknown') + ' (' + n + ')']));
    fill(box.role, counts(data.R, (i) => data.r[i]).filter(([, label]) => label).map(([at, label, n]) => [at, label + ' (' + n + ')']));
    const named = [...new Set(data.F.flat())].sort();
    fill(box.finding, named.map((c) => [c, c]));

    let shown = [];
    let page = 0;
    let order = '';
    let up = true;
    const select = () => {
      const want = box.text.value.trim().toLowerCase();
      const sets = data.F.map((list) => !box.finding.value || list.includes(box.finding.value));
      shown = [];
      for (let i = 0; i < count; i++) {
        if (!sets[data.f[i]]) continue;
        if (box.state.value !== '' && data.s[i] !== +box.state.value) continue;
        if (box.domain.value !== '' && data.d[i] !== +box.domain.value) continue;
        if (box.role.value === '+' ? !data.R[data.r[i]] : box.role.value !== '' && data.r[i] !== +box.role.value) continue;
        if (want && !search(i).includes(want)) continue;
        shown.push(i);
      }
      if (order) {
        const key = keys[order];
        const values = new Map(shown.map((i) => [i, key(i)]));
        const empty = (v) => v === null || v === '';
        shown.sort((a, b) => {
          const x = values.get(a);
          const y = values.get(b);
          const way = compare(x, y);
          return (empty(x) || empty(y) ? way : up ? way : -way) || a - b;
        });
      }
      page = 0;
      paint();
    };
    const paint = () => {
      const from = page * SIZE;
      const part = shown.slice(from, from + SIZE);
      body.replaceChildren(...part.map(draw));
      const n = (x) => x.toLocaleString('en');
      id('hit').textContent = shown.length === count ? n(count) + ' guests' : n(shown.length) + ' of ' + n(count) + ' guests match';
      id('where').textContent = shown.length ? n(from + 1) + '–' + n(from + part.length) + ' of ' + n(shown.length) : 'nothing matches';
      id('back').disabled = page === 0;
      id('next').disabled = from + SIZE >= shown.length;
    };

    form.hidden = false;
    form.addEventListener('submit', (e) => e.preventDefault());
    let wait = 0;
    box.text.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(select, 60); });
    for (const pick of [box.state, box.domain, box.role, box.finding]) pick.addEventListener('change', select);
    table.tHead.classList.add('sortable');
    for (const th of all('th', table.tHead)) {
      const b = make('button', th.textContent);
      b.type = 'button';
      th.replaceChildren(b);
      b.addEventListener('click', () => {
        up = order === th.dataset.key ? !up : true;
        order = th.dataset.key;
        for (const other of all('th', table.tHead)) other.removeAttribute('aria-sort');
        th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        select();
      });
    }
    const turn = (by) => { page += by; paint(); table.closest('.scroll').scrollIntoView({ block: 'start' }); };
    id('back').addEventListener('click', () => turn(-1));
    id('next').addEventListener('click', () => turn(1));
    id('pager').hidden = count <= SIZE;
    if (id('more')) id('more').hidden = true;
    const listed = new Set(named);
    for (const a of all('.tolist')) {
      if (!listed.has(a.dataset.finding)) continue;
      a.hidden = false;
      a.addEventListener('click', (e) => {
        e.preventDefault();
        for (const pick of [box.state, box.domain, box.role]) pick.value = '';
        box.text.value = '';
        box.finding.value = a.dataset.finding;
        select();
        id('inventory').scrollIntoView();
        box.finding.focus({ preventScroll: true });
      });
    }
    select();
  };
  addEventListener('hashchange', follow);
  follow();
  const people = id('people');
  if (people && (people.dataset.packed !== 'gzip' || 'DecompressionStream' in window)) {
    const moved = scrollY;
    unpack(people).then((data) => {
      guests(data);
      if (data.queries) fillQueries(data.queries);
      if (Math.abs(scrollY - moved) < 2 && location.hash) follow();
    }).catch((problem) => {
      console.error(problem);
      if (id('more')) id('more').textContent = 'This browser cannot unpack the list; all guests are in guests.csv.';
    });
  }
})();
