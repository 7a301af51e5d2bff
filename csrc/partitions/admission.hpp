// Whom a partition accepts and what may be uploaded to it: the server's rules over rows that others
// have read (server-behaviour.md 3.1, 6.4, 7.4, 8.4). Pure functions, without a database, a clock
// or chance, so that every store and every simulation obeys the same ones. What a message must look
// like before the store sees it is server/upload.hpp's; the merge is merge/transform.hpp's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "partitions/rows.hpp"
#include "server/store.hpp"

namespace realmsync::partitions {

struct BindFacts {
    const Head& head;
    const ClientFile* file;                  // of the request's ident; nullptr: never assigned
    std::optional<std::int64_t> latest_salt; // of the request's latest version, if it is stored
    std::int64_t now_ms = 0;
    std::int64_t max_offline_ms = 0; // for which a client file may be unseen, 0: any time
};
// Section 6.4, in its order.
std::variant<server::BoundFile, server::Refusal> admit(const BindFacts& facts,
                                                       const server::BindRequest& request);

// Takes out what an earlier upload of the same client file has integrated meanwhile.
void drop_integrated(const ClientFile& file, server::AppendRequest& request);
// Section 7.4: why the request must not be integrated, as far as that can be told before the merge.
std::optional<server::Refusal> check_uploads(const Head& head, const ClientFile* file,
                                             const server::AppendRequest& request);
// The client file after the request, whose changesets have raised the head to `head_version`.
ClientFile advance(ClientFile file, const server::AppendRequest& request,
                   std::uint64_t head_version, std::int64_t now_ms);

// Quotas of users; a limit of 0 is none.
bool is_reached(std::uint64_t limit, std::uint64_t used);
server::Refusal too_many(std::string_view what, std::uint64_t limit);

// What holds for every client file, stored or loaded: nothing is reported that is not stored. And
// for every change of one: cursors never go back.
bool is_sound(const ClientFile& file);
bool is_advance(const ClientFile& before, const ClientFile& after);

} // namespace realmsync::partitions
