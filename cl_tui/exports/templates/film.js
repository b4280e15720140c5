"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (name) => document.getElementById(name);
const SVG = "http://www.w3.org/2000/svg";
function add(parent, name, attributes, text) {
  const made = parent.namespaceURI === SVG ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}
const shown = (value) => value === null ? "" : data.score.fraction ? (100 * value).toFixed(1) : value.toPrecision(3);
const values = data.moments.flatMap((moment) => moment.values.filter((value) => value !== null));
const low = data.score.fraction ? 0 : Math.min(0, ...values), high = data.score.fraction ? 1 : Math.max(1e-9, ...values);
const LEFT = 40, WIDTH = 600;
const x = (step) => LEFT + (WIDTH - LEFT - 8) * step / data.last;

function axes(svg, height) {
  for (const task of data.tasks) {
    add(svg, "line", {class: "border", x1: x(task.start), x2: x(task.start), y1: 4, y2: height - 18});
    if (data.tasks.length <= 12) add(svg, "text", {x: x(task.start) + 4, y: height - 5}, task.name.slice(0, 14));
  }
  return add(svg, "line", {class: "cursor", y1: 4, y2: height - 18});
}

const scores = byId("scores"), y = (value) => 8 + (260 - 34) * (high - value) / (high - low || 1);
byId("measured").textContent = data.score.name + (data.score.fraction ? " on each task, %" : " on each task");
const cursor = axes(scores, 260);
for (const value of [low, (low + high) / 2, high]) add(scores, "text", {x: 2, y: y(value) + 4}, shown(value));
if (data.chance !== null) add(scores, "line", {class: "chance", x1: LEFT, x2: WIDTH - 8, y1: y(data.chance), y2: y(data.chance)});
data.tasks.forEach((task, number) => {
  const points = data.moments.filter((moment) => moment.values[number] !== undefined && moment.values[number] !== null);
  const hue = 200 + 150 * number / Math.max(1, data.tasks.length - 1);
  add(scores, "polyline", {class: "task", style: `stroke:hsl(${hue} 65% 55%)`, points: points.map((moment) => `${x(moment.step)},${y(moment.values[number])}`).join(" ")});
});

const loss = byId("loss"), losses = data.loss.map((point) => point[1]).filter((value) => value > 0);
const most = Math.log10(Math.max(...losses, 1e-9)), least = Math.max(Math.log10(Math.min(...losses, 1)), most - 4);
const lossCursor = axes(loss, 130), lossY = (value) => 8 + 96 * (most - Math.log10(Math.max(value, 10 ** least))) / (most - least || 1);
add(loss, "polyline", {class: "task", style: "stroke-width:1", points: data.loss.map(([step, value]) => `${x(step)},${lossY(value)}`).join(" ")});
add(loss, "text", {x: 2, y: 14}, (10 ** most).toPrecision(2));
add(loss, "text", {x: 2, y: 108}, (10 ** least).toPrecision(2));

const figures = data.examples.map((example) => {
  const figure = add(byId("examples"), "figure"), picture = example.picture;
  if (picture) {
    const canvas = add(figure, "canvas", {width: picture.width, height: picture.height});
    const context = canvas.getContext("2d"), pixels = context.createImageData(picture.width, picture.height);
    const bytes = Uint8Array.from(atob(picture.bytes), (letter) => letter.charCodeAt(0));
    for (let pixel = 0; pixel < picture.width * picture.height; pixel++) {
      for (let channel = 0; channel < 3; channel++) pixels.data[4 * pixel + channel] = bytes[pixel * picture.channels + (picture.channels === 3 ? channel : 0)];
      pixels.data[4 * pixel + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
  }
  return [figure, add(figure, "figcaption")];
});
byId("shown").hidden = !figures.length;

function cell(row, value) {
  const at = add(row, "td", {}, shown(value));
  if (value === null) return;
  const {worst, best, shades} = data.scale;
  const share = best === worst ? Number(value === best) : (value - worst) / (best - worst);
  at.className = `c${Math.round(Math.max(0, Math.min(1, share)) * (shades - 1))}`;
}

function matrix(moment) {
  const table = byId("matrix");
  table.replaceChildren();
  if (data.tasks.length > 20) { add(add(table, "tr"), "td", {}, `${data.tasks.length} tasks: more than a table can show`); return; }
  const head = add(table, "tr");
  add(head, "th");
  data.tasks.forEach((task) => add(head, "th", {}, task.name.slice(0, 10)));
  data.matrix.filter((row) => row.step <= moment.step).forEach((row, number) => {
    const line = add(table, "tr");
    add(line, "th", {}, data.tasks[number].name.slice(0, 10));
    row.values.forEach((value) => cell(line, value));
  });
  const line = add(table, "tr");
  add(line, "th", {}, "now");
  moment.values.forEach((value) => cell(line, value));
}

function show(number) {
  const moment = data.moments[number];
  if (!moment) return;
  byId("at").value = number;
  const known = moment.values.filter((value) => value !== null);
  const mean = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
  byId("where").textContent = `step ${moment.step.toLocaleString("en")} · task ${moment.task + 1} of ${data.tasks.length} · average ${shown(mean)}${data.score.fraction ? " %" : ""}`;
  for (const line of [cursor, lossCursor]) { line.setAttribute("x1", x(moment.step)); line.setAttribute("x2", x(moment.step)); }
  matrix(moment);
  let wrong = 0, seen = 0;
  data.examples.forEach((example, place) => {
    const [figure, caption] = figures[place], answer = example.answers[number];
    figure.className = answer ? `seen ${answer[2] ? "wrong" : "right"}` : "";
    caption.replaceChildren();
    add(caption, "span", {}, `is ${example.is}`);
    if (answer) { seen++; wrong += answer[2]; add(caption, "span", {}, " · "); add(caption, "b", {}, `${answer[0]} ${answer[1]} %`); }
  });
  byId("count").textContent = `${wrong} of the ${seen} that were learned or are being learned are wrong now. Green: right. Orange: wrong, with the answer and how sure the network is.`;
}

const at = byId("at"), play = byId("play");
let timer = null;
at.max = Math.max(0, data.moments.length - 1);
at.addEventListener("input", () => show(Number(at.value)));
function stop() { clearInterval(timer); timer = null; play.textContent = "▶"; }
play.addEventListener("click", () => {
  if (timer) { stop(); return; }
  if (Number(at.value) >= Number(at.max)) show(0);
  play.textContent = "⏸";
  timer = setInterval(() => { if (Number(at.value) >= Number(at.max)) stop(); else show(Number(at.value) + 1); }, 20000 / Math.max(data.moments.length, 100));
});
document.addEventListener("keydown", (event) => { if (event.key === " " && event.target === document.body) { event.preventDefault(); play.click(); } });
show(Number(at.max));
