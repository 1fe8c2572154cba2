// One side of a Forebay pipeline under measurement, against a sidecar that runs already; the driver
// (bench/measure.py) starts one of these a role.
//
//   bench_forebay ROLE --state FOLDER --stream NAME --events N [--size BYTES] …
//
//   publish   through the public publish(), until all is on disk; at a --rate, in an open loop; to
//             one stream or in turn to --streams of them; --mixed: of many sizes
//   wait      one event at a time: publish, and wait until it is on disk
//   handler   one event at a time: publish, and wait until a consumer's handler has it
//   listen    a consumer that checks every sequence and checksum and keeps nothing; --latency: and
//             times events from when they were due; --until-live: only until it is live
//   view      a consumer that keeps the last event of each key in a view, with its cursor
//
// FOLDER is the sidecar's. listen and view print {"ready": true} once they are live (with --behind:
// at once), and what they measured once they have N events.
#include <CLI/CLI.hpp>

#include "bench/forebay_roles.h"

int main(int argc, char** argv) {
  using namespace forebay::bench;
  CLI::App app("One side of a Forebay pipeline under measurement.", "bench_forebay");
  Options options;
  std::string role;
  const std::map<std::string, void (*)(const Options&)> roles = {{"publish", publish},
                                                                 {"wait", wait},
                                                                 {"handler", handler},
                                                                 {"listen", listen},
                                                                 {"view", view}};
  app.add_option("ROLE", role)->required()->check(CLI::IsMember(roles));
  app.add_option("--state", options.state)->required();
  app.add_option("--stream", options.stream);
  app.add_option("--events", options.events);
  app.add_option("--size", options.size)->check(CLI::Range(64, 1 << 20));
  app.add_option("--keys", options.keys);
  app.add_option("--rate", options.rate, "so many events a second, in an open loop");
  app.add_option("--streams", options.streams, "publish: to NAME-0, NAME-1, … in turn");
  app.add_flag("--mixed", options.mixed);
  app.add_option("--view-dir", options.view_dir);
  app.add_flag("--behind", options.behind);
  app.add_flag("--latency", options.latency);
  app.add_flag("--until-live", options.until_live);
  CLI11_PARSE(app, argc, argv);
  roles.at(role)(options);
  return 0;
}
