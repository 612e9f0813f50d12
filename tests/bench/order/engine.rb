# One engine of the bench: ruby-liquid, with "c" ruby-liquid-c.
#   ruby engine.rb liquid|c TEMPLATE ORDERS print|SECONDS
require "json"
require ARGV[0] == "c" ? "liquid/c" : "liquid"

template = Liquid::Template.parse(File.read(ARGV[1]))
orders = JSON.parse(File.read(ARGV[2]))
abort "liquid-c is not in use" if ARGV[0] == "c" && !template.root.body.is_a?(Liquid::C::BlockBody)

if ARGV[3] == "print"
  puts JSON.generate(orders.map { |order| template.render!(order) })
  exit
end

cpu = -> { Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) }
run = lambda do |seconds|
  from = cpu.call
  n = 0
  loop do
    orders.each { |order| template.render!(order) }
    n += orders.size
    took = cpu.call - from
    return n / took if took >= seconds
  end
end
run.call(ARGV[3].to_f / 4)
puts run.call(ARGV[3].to_f)
