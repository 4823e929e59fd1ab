// What makes the waiting room live: the student's place, the board, the display. Every page works without it.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const live = find('[data-live]');
  if (!live) return;
  const student = 'student' in live.dataset;
  const fresh = find('[data-fresh]');
  const polite = find('[data-polite]');
  const assertive = find('[data-assertive]');
  let seq = +live.dataset.seq;
  let heard = Date.now();
  let source;
  let tries = 0;
  let retry;

  // Freshness, countdowns and timers: every second.
  const clock = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;
  const tick = () => {
    if (fresh) {
      const open = source && source.readyState === 1;
      fresh.hidden = false;
      fresh.textContent = open ? `connected ●, updated ${Math.round((Date.now() - heard) / 1000)} s ago` : 'reconnecting…';
    }
    for (const one of live.querySelectorAll('[data-countdown]')) {
      const left = new Date(one.dataset.countdown) - Date.now();
      one.textContent = left > 0 ? ` (${clock(left)} left)` : ' (the time is over)';
    }
    for (const one of live.querySelectorAll('[data-since]')) {
      one.textContent = clock(Math.max(0, Date.now() - new Date(one.dataset.since)));
    }
    // Dead although nobody said so: a beat comes every ten seconds.
    if (source && Date.now() - heard > 25000) connect();
  };
  setInterval(tick, 1000);

  // The browser's tab: title, and a badge with the position.
  const title = document.title;
  const badge = (text) => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 32;
    const paper = canvas.getContext('2d');
    paper.fillStyle = text === '!' ? '#b00020' : '#0172ad';
    paper.fillRect(0, 0, 32, 32);
    paper.fillStyle = '#fff';
    paper.font = 'bold 22px sans-serif';
    paper.textAlign = 'center';
    paper.fillText(text, 16, 24);
    find('link[rel=icon]').href = canvas.toDataURL();
  };

  // Sound, notification, vibration: only after a tap.
  let sound;
  const ring = () => {
    if (!sound) return;
    [0, 0.35, 0.7].forEach((at) => {
      const tone = sound.createOscillator();
      const volume = sound.createGain();
      tone.frequency.value = 880;
      volume.gain.setValueAtTime(0.2, sound.currentTime + at);
      volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + 0.3);
      tone.connect(volume).connect(sound.destination);
      tone.start(sound.currentTime + at);
      tone.stop(sound.currentTime + at + 0.3);
    });
    if (navigator.vibrate) navigator.vibrate([200, 100, 200]);
  };
  let note;
  const alerts = find('[data-alerts]');
  const trial = find('[data-try]');
  const listen = async () => {
    sound = new AudioContext();
    if (window.Notification && Notification.permission === 'default') await Notification.requestPermission();
    alerts.textContent = 'Sound is on while this page is open';
    alerts.disabled = true;
    trial.hidden = false;
  };
  if (alerts) {
    alerts.hidden = false;
    alerts.addEventListener('click', listen);
    trial.addEventListener('click', ring);
  }
  const notify = (text) => {
    if (!window.Notification || Notification.permission !== 'granted') return;
    try {
      note = new Notification(text, { tag: live.dataset.live });
    } catch {
      // Some phones allow notifications only from a service worker.
    }
  };

  // The screen stays on near the head of the line.
  let lock;
  const stay = async (near) => {
    if (near && !lock && navigator.wakeLock && !document.hidden) {
      lock = await navigator.wakeLock.request('screen').catch(() => null);
      if (lock) lock.addEventListener('release', () => (lock = null));
    } else if (!near && lock) lock.release();
  };

  // What a change means to the student.
  const moved = (was, is) => {
    if (was.state !== 'waiting' || is.state !== 'waiting' || was.position === is.position) return '';
    return +is.position < +was.position
      ? `You moved up from ${was.position} to ${is.position}. `
      : 'Somebody who was there before you has come back. ';
  };
  const told = (was) => {
    const part = find('.status', live);
    if (!part) return;
    const is = part.dataset;
    // The place goes on in another line, which counts for itself.
    if (was && is.state === 'transferred') return location.reload();
    document.title = is.title;
    badge(is.state === 'called' ? '!' : is.state === 'waiting' ? is.position : '·');
    stay(is.state === 'called' || (is.state === 'waiting' && +is.position <= 3));
    if (!was || (was.state === is.state && was.position === is.position)) return;
    if (is.state === 'called') {
      assertive.textContent = is.say;
      ring();
      notify(is.say);
    } else {
      polite.textContent = moved(was, is) + is.say;
      if (note) note.close();
      if (is.state === 'waiting' && +is.position === 1) notify(is.say);
    }
  };

  // An empty line got its first: the board says so.
  const arrived = (was) => {
    const part = find('[data-waiting]', live);
    if (!part) return;
    document.title = `(${part.dataset.waiting}) ${title}`;
    if (was === '0' && part.dataset.waiting !== '0') {
      ring();
      notify('Somebody joined the line.');
    }
  };

  const isBusy = () => live.contains(document.activeElement) && document.activeElement.matches('input:not([type=hidden]), textarea, select');
  let waiting;
  const show = (html) => {
    if (isBusy()) {
      // What is being written is not taken away; it is shown when the field is left.
      waiting = html;
      return;
    }
    const was = student ? find('.status', live) && { ...find('.status', live).dataset } : find('[data-waiting]', live) && find('[data-waiting]', live).dataset.waiting;
    const opened = [...live.querySelectorAll('details[open]')].map((one) => one.id || one.className);
    const focus = document.activeElement && live.contains(document.activeElement) && (document.activeElement.dataset.key || document.activeElement.id);
    live.innerHTML = html;
    for (const one of live.querySelectorAll('details')) if (opened.includes(one.id || one.className)) one.open = true;
    if (focus) {
      const again = find(`[data-key="${CSS.escape(focus)}"], #${CSS.escape(focus)}`, live);
      if (again) again.focus();
    }
    if (student) told(was);
    else arrived(was);
    tick();
  };
  live.addEventListener('focusout', () =>
    setTimeout(() => {
      if (waiting === undefined || isBusy()) return;
      const html = waiting;
      waiting = undefined;
      show(html);
    }),
  );

  // Connected for as long as the page is there; the pause between tries grows, and is never the same for all.
  const connect = () => {
    clearTimeout(retry);
    if (source) source.close();
    source = new EventSource(live.dataset.live);
    const beat = (event) => {
      heard = Date.now();
      tries = 0;
      return +event.lastEventId;
    };
    source.addEventListener('beat', beat);
    source.addEventListener('show', (event) => {
      const newer = beat(event);
      if (newer < seq) return;
      seq = newer;
      show(event.data);
    });
    source.onerror = () => {
      source.close();
      tick();
      retry = setTimeout(connect, Math.min(15000, 500 * 2 ** tries++) * (0.5 + Math.random()));
    };
    heard = Date.now();
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    if (!source || source.readyState !== 1 || Date.now() - heard > 12000) connect();
    if (student) told();
  });
  addEventListener('online', connect);
  if (student) told();
  else arrived();
  connect();
  tick();
})();
