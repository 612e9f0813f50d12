// One engine of the bench: liquidjs.
//   node engine.js LIQUIDJS-FOLDER TEMPLATE ORDERS print|SECONDS
const fs = require("fs");
const [folder, template, orders, what] = process.argv.slice(2);
const { Liquid } = require(folder);
const engine = new Liquid();
const parsed = engine.parse(fs.readFileSync(template, "utf8"));
const list = JSON.parse(fs.readFileSync(orders, "utf8"));

function run(seconds) {
  const from = process.cpuUsage();
  for (let n = 0;;) {
    for (const order of list) engine.renderSync(parsed, order);
    n += list.length;
    const { user, system } = process.cpuUsage(from);
    if (user + system >= seconds * 1e6) return (n / (user + system)) * 1e6;
  }
}

if (what === "print") {
  console.log(JSON.stringify(list.map((order) => engine.renderSync(parsed, order))));
} else {
  run(what / 4); // the compiler of V8 gets warm
  console.log(run(+what));
}
