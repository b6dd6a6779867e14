// aedes on a loopback port, with everything in memory: node broker.js PORT
'use strict'
const net = require('net')
const { createRequire } = require('module')
const aedes = createRequire(process.env.AEDES_MODULES)('aedes')()

for (const event of ['client', 'clientDisconnect', 'subscribe']) {
  aedes.on(event, (...about) => console.log(event, ...about.map((one) => one.id || JSON.stringify(one))))
}
net.createServer(aedes.handle).listen(Number(process.argv[2]), '127.0.0.1')
