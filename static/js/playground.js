// The playground: what a page would do, with everything that happens written down.
const log = document.getElementById('log');
const say = (text) => {
  log.textContent = `${new Date().toLocaleTimeString()}  ${text}\n${log.textContent}`;
};

for (const event of ['sent', 'duplicate', 'retry', 'rejected', 'dropped']) {
  frontdesk.on(event, (detail) => say(`${event}: ${JSON.stringify(detail)}`));
}

document.getElementById('send').addEventListener('click', async () => {
  let data;
  try {
    data = JSON.parse(document.getElementById('json').value);
  } catch (error) {
    return say(`this is no JSON: ${error.message}`);
  }
  say('kept, waiting for the answer…');
  const result = await frontdesk.add(data, { now: true });
  say(`answer: ${JSON.stringify(result)}`);
});

document.getElementById('mine').addEventListener('click', async () => {
  const entries = await frontdesk.mine();
  say(`this tab sent ${entries.length}: ${JSON.stringify(entries.map((entry) => entry.data))}`);
});
