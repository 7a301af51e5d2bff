// Writer jobs of one app that wait, and whose turn it is. Users share the writer equally, whatever
// they ask of it: the one who has been served least is next (start-time fair queueing; see
// Goyal, Vin, Cheng 1996), whether he has one connection or a thousand. What takes long ("heavy")
// is served one at a time, and between two of those everything else has a transaction: so whoever
// asks for little waits for one heavy job at most, however many there are.
//
// Jobs of one user and partition keep their order, but that accepting a client overtakes uploads
// of other files.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/job.hpp"
#include "server/write_batch.hpp"
#include "tuning.hpp"

namespace realmsync::server {

class JobQueue {
  public:
    explicit JobQueue(const ServerTuning& tuning) : tuning_(tuning) {}

    bool empty() const { return light_.empty() && heavy_.empty(); }
    void push(WriterJob job); // O(log flows)
    // What is to run in one transaction, until settle(). Nothing is heavy in it, or it is one job.
    std::vector<WriterJob> take();
    // The jobs last taken have run: what they took, and what is left of them.
    void settle(std::vector<WriterJob> left, const std::vector<WriteResult::Cost>& costs);

  private:
    struct Waiting {              // of one user
        std::uint64_t served = 0; // work, in virtual time: ns
        double factor = 1;        // what his jobs took lately, by what their sizes told
        std::deque<WriterJob> urgent;
        std::deque<std::uint64_t> turns; // partitions with jobs, by handle
        std::unordered_map<std::uint64_t, std::deque<WriterJob>> jobs;
        bool empty() const { return urgent.empty() && turns.empty(); }
        WriterJob& front();
        WriterJob take_front();
    };
    using Ranking = std::set<std::pair<std::uint64_t, Flow>>; // by what they were served

    static bool is_urgent(const Waiting& waiting, const WriterJob& job);
    void rank(Flow flow, Waiting& waiting);
    void unrank(Flow flow, const Waiting& waiting);
    WriterJob take_one(Ranking& from);
    void charge(Flow flow, std::int64_t work);
    static void learn(Waiting& waiting, std::uint64_t estimate, std::uint64_t work);
    void forget_idle();

    const ServerTuning& tuning_;
    std::unordered_map<Flow, Waiting> flows_;
    Ranking light_, heavy_; // flows with jobs, by the kind of the next one
    std::uint64_t virtual_now_ = 0;
    unsigned light_in_turn_ = 0; // transactions since the last heavy one
    bool was_cut_ = false;       // the last one: what is left of it is light, and waited before
    struct Charge {
        Flow flow;
        std::uint64_t estimate, work; // work: by his factor
    };
    std::vector<Charge> charged_; // for the jobs taken, before anybody knew better
};

} // namespace realmsync::server
