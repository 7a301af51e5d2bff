// What connections and sessions notice of an operator's requests (app-configuration.md 4.3, 7.7,
// 10.2): versions that appear, client files that are reset, histories that begin anew. What is
// stored is the store's business.
//
// Before all client files are reset their sessions end, with the error that says so, and have a
// while to read it: an error that makes clients reset comes after what acknowledges their uploads
// (server-behaviour.md 10.7 R4), and that is read from the old history.
#pragma once

#include <string>

#include "server/context.hpp"
#include "server/job.hpp"

namespace realmsync::server {

struct AdministrationHandler {
    Context& context;

    void begin(Administer job);
    void take(AdministrationDone& done);
    void fail(const Administer& job, const std::string& why);
    void submit_announced(); // what has waited for long enough

  private:
    void expose(const Administer& job, const AdministrationResult& result);
    void reset_files(const Administer& job, const AdministrationResult& result);
    void announce(Administer job);
    void retire_partitions(const Administer& job);
    std::size_t end_sessions(const Administer& job);
};

} // namespace realmsync::server
