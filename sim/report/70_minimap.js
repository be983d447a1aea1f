// The whole run in a strip: how much went on, what went wrong, and the frame of what the diagram shows.
const strip = { width: 0, height: 0, ratio: 1, picture: null, key: '' };
const stripWidth = () => Math.max(1, strip.width - canvas.left - canvas.right);  // the details take room of the diagram only

// Painted once per size and filter: it holds every row.
function stripPicture() {
  const key = `${strip.width}x${strip.height}@${strip.ratio}:${filterVersion}:${tone.paper}`;
  if (strip.key === key) return strip.picture;
  strip.key = key;
  const picture = document.createElement('canvas');
  picture.width = minimap.width;
  picture.height = minimap.height;
  const g = picture.getContext('2d');
  g.setTransform(strip.ratio, 0, 0, strip.ratio, 0, 0);
  const columns = Math.ceil(stripWidth() / 2);
  const sound = new Uint32Array(columns + 1), lost = new Uint32Array(columns + 1);
  for (let i = 0; i < count; ++i) {
    if (!shown[i] || !Of.message[typeOf[i]]) continue;
    const column = Math.max(0, Math.floor(((at[i] - begin) / (end - begin)) * columns));
    if (fate[i] >= Fate.lost) ++lost[column];
    else ++sound[column];
  }
  let most = 1;
  for (let c = 0; c <= columns; ++c) most = Math.max(most, sound[c] + lost[c]);
  const floor = strip.height - 5, high = strip.height - 18;
  const x = (t) => canvas.left + ((t - begin) / (end - begin)) * stripWidth();
  g.globalAlpha = 0.18;
  g.fillStyle = tone.fault;
  for (const band of pairBands) g.fillRect(x(band.from), 5, Math.max(1, x(band.to) - x(band.from)), floor - 5);
  g.globalAlpha = 1;
  for (let c = 0; c <= columns; ++c) {
    const whole = Math.sqrt(sound[c] / most) * high, bad = Math.sqrt(lost[c] / most) * high;
    g.fillStyle = tone.beat;
    g.fillRect(canvas.left + c * 2, floor - whole, 1.5, whole);
    g.fillStyle = tone.bad;
    g.fillRect(canvas.left + c * 2, floor - bad, 1.5, bad);
  }
  for (let i = 0; i < count; ++i) {
    const name = nameOf(i);
    if (name !== 'crash' && name !== 'primary' && name !== 'client crash') continue;
    if (name === 'primary' && groupOf[i] !== (view.group || mainGroup)) continue;
    g.fillStyle = name === 'primary' ? tone.view : tone.bad;
    g.fillRect(x(at[i]) - 1, 4, 2, 6);
  }
  if (violation >= 0) {
    g.fillStyle = tone.bad;
    g.fillRect(x(at[violation]) - 1, 0, 2, strip.height);
  }
  g.font = font(11);
  g.fillStyle = tone.soft;
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  g.fillText('whole run', canvas.left - 12, strip.height / 2);
  strip.picture = picture;
  return picture;
}

function paintMinimap() {
  Object.assign(strip, fit(minimap));
  const g = minimap.getContext('2d');
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.clearRect(0, 0, minimap.width, minimap.height);
  g.drawImage(stripPicture(), 0, 0);
  g.setTransform(strip.ratio, 0, 0, strip.ratio, 0, 0);
  const x0 = Math.max(canvas.left, stripX(view.from)), x1 = Math.min(stripX(view.to), strip.width);
  g.fillStyle = tone.accent;
  g.globalAlpha = 0.12;
  g.fillRect(x0, 1, Math.max(3, x1 - x0), strip.height - 2);
  g.globalAlpha = 0.8;
  g.strokeStyle = tone.accent;
  g.lineWidth = 1;
  g.strokeRect(x0 + 0.5, 1.5, Math.max(3, x1 - x0 - 1), strip.height - 3);
  g.globalAlpha = 1;
}
const stripX = (t) => canvas.left + ((t - begin) / (end - begin)) * stripWidth();
const stripTime = (x) => begin + ((x - canvas.left) / stripWidth()) * (end - begin);
