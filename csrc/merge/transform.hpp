// The one place where concurrent changes meet (merge-rules.md section 2): incoming changesets are
// rebased over the local ones their author had not seen. Client and server both call it, between
// parsing and applying; nothing else in the engine knows how conflicts are resolved.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/work.hpp"
#include "changeset/instruction.hpp"

namespace realmsync::merge {

// How far the merge departs from the original engine (1.7). All peers of one realm must agree on
// the outcome, so clients are strict: that is what every shipped SDK does.
enum class Profile : std::uint8_t {
    strict, // bit for bit the original, its defects included
    safe,   // without the defects that a server can cure alone: R1, R3, R5
    full,   // also without R2; for realms all of whose clients are `full`
};

struct Origin { // orders conflicting writes: timestamp, then file ident
    std::uint64_t timestamp = 0;
    std::uint64_t file_ident = 0;
};

struct Incoming {
    std::uint64_t base = 0; // newest local version its author had integrated
    Origin origin;
    changeset::Changeset* changeset = nullptr; // rebased in place
};

struct WindowEntry { // a local changeset, as the remote peer sees it (its reciprocal if it has one)
    std::uint64_t version = 0;
    Origin origin;
    changeset::Changeset changeset;
    std::uint64_t slot = 0; // the store's own name for it
};

// The local history as seen for one remote peer (2.2), implemented by the stores.
class Window {
  public:
    virtual ~Window() = default;
    // The unrelated, non-empty entries with version > `base`, ascending.
    virtual std::vector<WindowEntry> entries_after(std::uint64_t base) = 0;
    // The peer's reciprocal of an entry, from now on; empty bytes when nothing of it is left.
    virtual void store_reciprocal(const WindowEntry& entry, std::string_view bytes) = 0;
};

// Merges what one remote peer sends, batch after batch. The window is read and indexed once and
// extended when the history has grown. It belongs to a transaction of its store: of no use after an
// error or a rollback.
//
// Cost: O(new window entries) plus, per batch, O(incoming) and, for every property that both sides
// changed, the product of their instructions on it. Erasing an object counts as a change of all its
// properties; erasing a class or property on either side costs O(window * incoming).
// Memory: the parsed window, beside its bytes some 160 per instruction and 700 per changeset.
class Transformer {
  public:
    explicit Transformer(Profile profile);
    ~Transformer();
    Transformer(const Transformer&) = delete;

    // Rebases a batch; bases must not descend, not from call to call either. Fails when `work` does
    // not do for the meetings of instructions; what the window costs is the window's to say.
    Result<std::monostate> transform(Window& window, std::span<Incoming> incoming, Work& work);
    // Hands the window those entries that the merge has changed since the last call.
    void store_reciprocals(Window& window);

    std::uint64_t base() const; // of the last batch
    std::size_t memory() const; // bytes, about
    // Between batches: it holds at most `bytes`, most of that is of use yet, and making it again
    // would take a while.
    bool is_worth_keeping(std::size_t bytes) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// All of the above for one batch.
Result<std::monostate> transform(Window& window, std::span<Incoming> incoming, Profile profile);

} // namespace realmsync::merge
